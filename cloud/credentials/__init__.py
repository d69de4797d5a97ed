"""Secrets of outside services, sealed for their place."""
