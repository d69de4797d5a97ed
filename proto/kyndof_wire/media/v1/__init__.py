"""Wire messages: media, version 1."""
