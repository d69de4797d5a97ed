"""Frames from a camera or from files, behind one port."""
