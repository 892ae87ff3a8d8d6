"""What all searches share: what can be answered, pages, compartments, includes."""
