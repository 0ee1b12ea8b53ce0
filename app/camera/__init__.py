"""Cameras: one port, what stands behind it, and the worker that looks for codes.

Rule: nothing here knows Kivy, a wallet or what a code says. OpenCV is imported by `video` alone, and only when a
camera or a video file is opened.
"""
