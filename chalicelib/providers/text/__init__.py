"""Texts: their markup, their safety on a page, and how well they are written. Most need the extra `studio`."""
