"""The processes that a command starts: people of the demo, windows, the newcomer's pair of them. Nothing
here imports Kivy."""
