"""The one place where parts are wired, by the settings: services with their stores, peers and edges."""
