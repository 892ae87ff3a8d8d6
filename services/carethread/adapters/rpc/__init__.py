"""gRPC: the server of a process's services, and the client that asks other services."""
