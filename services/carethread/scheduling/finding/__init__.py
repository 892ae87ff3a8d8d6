"""`Appointment/$find`: which times would suit, best first."""
