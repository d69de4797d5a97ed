"""Outside engines as modules."""
