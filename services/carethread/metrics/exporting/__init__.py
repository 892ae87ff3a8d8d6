"""The numbers of measures as other programs take them: tables, and what Prometheus reads."""
