"""One FHIR base URL over all services; owns no resource type."""
