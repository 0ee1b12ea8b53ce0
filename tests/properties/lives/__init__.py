"""Random lives of a whole digital tenge, for tests/properties/test_system.py: what may happen in one, by kinds."""
