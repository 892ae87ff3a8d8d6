"""What integration engines send in over the bus: read, applied once, answered."""
