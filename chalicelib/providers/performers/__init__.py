"""The task types that Yardmaster performs itself."""
