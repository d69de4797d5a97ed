"""Copies in memory: quick to read, derived, lost at any time."""
