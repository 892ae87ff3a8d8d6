"""The schema's versions, by Alembic; one linear history for every service and both databases."""
