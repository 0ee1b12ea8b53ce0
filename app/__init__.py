"""What people touch: the command line now, the Kivy app later."""
