"""HTTP: the REST edge, and the client that asks other services over it."""
