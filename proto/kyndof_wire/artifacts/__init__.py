"""Wire messages: artifacts."""
