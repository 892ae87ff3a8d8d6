"""What leaves only with the person's Consent, and who may act for a person."""
