"""What an endpoint of a subscriber must be, and how what it is sent is signed."""
