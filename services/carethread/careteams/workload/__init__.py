"""Workload: how much lies on each member, as numbers, and when somebody should ask how they are doing."""
