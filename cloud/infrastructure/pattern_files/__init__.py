"""Patterns (DXF-AAMA, DXF-ASTM) and tech packs as files."""
