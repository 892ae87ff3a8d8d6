"""Whom to book again: who had a visit that the provider cancelled, or that its Schedule strands, by need."""
