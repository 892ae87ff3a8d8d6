"""Hand-offs: one asks another to take a person over, and nothing falls between them."""
