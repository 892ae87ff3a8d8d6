"""What somebody answered, as people read it: HTML and plain text."""
