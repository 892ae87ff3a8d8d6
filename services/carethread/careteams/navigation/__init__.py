"""Navigation: whoever is at high risk has a navigator with room for them, who stays in touch."""
