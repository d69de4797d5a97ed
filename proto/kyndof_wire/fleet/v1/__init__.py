"""Wire messages: fleet, version 1."""
