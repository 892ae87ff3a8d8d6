"""What it takes to fill forms in: how long, how much was there already, how much of that was changed."""
