"""Appointments that recur: each occurrence is an Appointment, all are booked or none, one or the rest can change."""
