"""The seed and the day of the practice that these tests look at."""

from __future__ import annotations

from datetime import date

SEED = 7
TODAY = date(2025, 3, 20)
"""Daylight saving time began within the window, on 2025-03-09, where it is kept."""
