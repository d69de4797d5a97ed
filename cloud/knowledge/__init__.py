"""Search and the source of truth."""
