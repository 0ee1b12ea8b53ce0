"""SQL stores of services: what a store is, its two engines (SQLite, PostgreSQL), and opening one by its URL."""
