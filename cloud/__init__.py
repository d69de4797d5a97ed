"""The company: what is decided, recorded and shown away from the floor."""
