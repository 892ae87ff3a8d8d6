"""What in a measure's numbers is more than chance, and whom it is told to."""
