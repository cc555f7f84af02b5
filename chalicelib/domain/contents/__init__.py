"""Contents: what their states are, and which lists show them."""
