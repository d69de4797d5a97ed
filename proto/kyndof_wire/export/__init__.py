"""Wire messages: export."""
