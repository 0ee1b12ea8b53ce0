"""The app's windows as processes of their own, and the newcomer's pair of them. Nothing here imports Kivy."""
