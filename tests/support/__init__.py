"""What tests share: real servers, processes of ours, and a FHIR client."""
