"""What all writes share: commands, criteria, and the unit that does them in one transaction."""
