"""The RESTful API of one service: http://hl7.org/fhir/R4/http.html."""
