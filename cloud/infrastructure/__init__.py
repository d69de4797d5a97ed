"""Implementations of ports, chosen by the composition root alone."""
