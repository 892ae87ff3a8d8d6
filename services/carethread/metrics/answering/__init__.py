"""From what is asked for to a MeasureReport: answered now or later, kept, and guarded."""
