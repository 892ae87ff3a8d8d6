"""Who is taken when, and which slots are open."""
