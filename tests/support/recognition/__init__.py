"""Inputs of recognition that tests and measurements make themselves: pictures, pieces, speech, and odd files."""
