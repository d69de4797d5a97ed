"""Keys, certificates and secrets."""
