"""Wire messages: floor."""
