"""A service's own database over SQLAlchemy Core: the same schema on SQLite and PostgreSQL."""
