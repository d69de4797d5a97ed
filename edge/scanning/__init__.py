"""Codes from scanners, serial lines and the camera itself."""
