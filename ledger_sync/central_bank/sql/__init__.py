"""The central bank's ports upon SQL, with all of its SQL: one store, in which writers take turns."""
