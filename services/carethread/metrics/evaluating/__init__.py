"""From a Measure and a period to its counts and scores."""
