"""Recognition: text in images, offsets of pieces, speech, and objects in photos.

`images` and `sounds` decode what a caller sends, within limits. A `recognizer.Recognizer` answers from the result.
"""
