"""What a service does by itself: what is due at a moment, and what it wants of others."""
