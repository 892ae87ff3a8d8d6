"""Somebody is called to a critical answer, and others after them, until a person says that they see to it."""
