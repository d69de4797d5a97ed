"""Pictures, addressed by their SHA-256."""
