"""Measures as data: what a Measure counts, and the SQL that lists its units."""
