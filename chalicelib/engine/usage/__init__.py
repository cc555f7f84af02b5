"""What an org uses of language models, and what it counts of its own: each thing once."""
