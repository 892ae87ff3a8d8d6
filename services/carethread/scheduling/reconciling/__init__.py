"""EHR side by side: where our Slots and Appointments and those that an EHR has sent say different things."""
