"""Recognise what is in images and recordings, while the caller waits."""
