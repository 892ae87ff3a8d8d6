"""Adaptive forms: which question comes next, by what was answered before."""
