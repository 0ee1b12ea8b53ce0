"""What the screens show and what a person can do there, without any window: plain classes, tested without Kivy.

Rule: a presenter holds one frozen view, tells whoever watches it, and asks the engine; it holds no money logic and no
sentence. Views carry codes, facts, tiyn and unix seconds; the window says them in the language of the moment.
"""
