"""Wire messages: fleet."""
