"""Questionnaires as they are worked with: read once, found by canonical, succeeded rather than changed."""
