"""Wire messages: floor, version 1."""
