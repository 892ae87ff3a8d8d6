"""What expressions of a form see: the response, its items, and the form's variables."""
