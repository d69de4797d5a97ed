"""Plug-in files under registry/, checked by JSON Schemas."""
