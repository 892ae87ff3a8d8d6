"""FHIR R4 (4.0.1): JSON, definitions, validation, FHIRPath, search parameters and outcomes."""
