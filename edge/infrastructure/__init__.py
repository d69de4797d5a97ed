"""Implementations of the station's ports."""
