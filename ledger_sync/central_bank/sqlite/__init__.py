"""The central bank's ports upon SQLite, with all of its SQL: one file, in which writers take turns."""
