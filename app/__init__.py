"""What people touch: the window and the command line, what both share, and what screens show."""
