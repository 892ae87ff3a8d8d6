"""Modular forms: what they are made of put into one."""
