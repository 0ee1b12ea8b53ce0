"""The command line; it never imports Kivy."""
