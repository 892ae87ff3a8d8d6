"""From answers to resources: `$extract` of SDC, and what follows of itself once a response is completed."""
