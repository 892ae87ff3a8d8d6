"""Measures as charts for a browser."""
