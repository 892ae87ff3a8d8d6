"""SQL on FHIR v2: a ViewDefinition is read once, then applied to resources, each of which gives rows."""
