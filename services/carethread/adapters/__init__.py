"""One technology per module or folder; adapters never import each other."""
