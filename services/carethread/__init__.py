"""CareThread: small FHIR R4 services that sit beside a hospital's EHRs."""

__version__ = "0.1.0"
