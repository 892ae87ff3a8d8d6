"""What the server says of itself, generated from what is declared."""
