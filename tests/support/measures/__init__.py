"""Measures counted a second time: plain Python over resources, written from the definitions."""
