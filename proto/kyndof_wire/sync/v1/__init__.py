"""Wire messages: sync, version 1."""
