"""The bank's ports upon SQL, with all of its SQL: one file, in which writers take turns."""
