"""Records of any kind, background jobs, and the optimistic loop by which everything stored is changed."""
