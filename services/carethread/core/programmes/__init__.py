"""Who is asked what and when, as data: a PlanDefinition of profile `programme`, which its owner judges and others work
with."""
