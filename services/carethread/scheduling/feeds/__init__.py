"""Calendar feeds: what somebody's Appointments are, for the calendar programs of telephones and desktops (RFC 5545)."""
