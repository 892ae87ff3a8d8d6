"""The FHIR interactions (http://hl7.org/fhir/R4/http.html), one a file; they know ports, never technology."""
