"""Posts on social platforms: their texts, what each platform takes, and how one is published at most once."""
