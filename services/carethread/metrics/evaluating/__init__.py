"""From a Measure and a period to its counts, its scores and its MeasureReport."""
