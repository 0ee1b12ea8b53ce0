"""What must hold, said in tests; the folders mirror the packages. Folders below need no __init__.py."""
