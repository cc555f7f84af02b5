"""The `contents` table: contents, posts, and the lists that show them."""
