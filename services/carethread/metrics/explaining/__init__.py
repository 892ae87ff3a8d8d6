"""What stands behind a number: its resources, and whose gaps in care it tells of."""
