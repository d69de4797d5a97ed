"""Wire messages: media."""
