"""The one inspection pipeline: defects, millimetres, verdict."""
