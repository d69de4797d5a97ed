"""The station's own page."""
