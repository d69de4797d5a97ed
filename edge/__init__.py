"""The floor: one station's capture, scanning, inspection and delivery."""
