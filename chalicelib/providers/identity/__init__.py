"""Identity providers: they say who somebody is that has signed in with them."""
