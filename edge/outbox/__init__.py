"""Events written down before they are shown, delivered until acknowledged."""
