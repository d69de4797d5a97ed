"""Wire messages: sync."""
