"""Wire messages: export, version 1."""
