"""Wire messages: artifacts, version 1."""
