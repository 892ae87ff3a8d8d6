"""A service's resources: versions, index rows, and the ways to read them."""
