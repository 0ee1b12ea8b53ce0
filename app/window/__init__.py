"""The window: everything Kivy and KivyMD of the app.

Rule: screens draw a presenter's view and pass touches on as its intents; no money logic, no sentence, and no work of
the keystore, camera, network or NFC happens here.
"""
