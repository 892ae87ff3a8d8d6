"""Plans of care: made of templates, kept to or not, decided with the person, and at odds with each other."""
