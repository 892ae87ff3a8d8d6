"""The websocket channel of FHIR Subscriptions."""
