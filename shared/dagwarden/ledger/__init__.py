"""The chain of releases of each environment: the only source of truth."""
