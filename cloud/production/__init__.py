"""Where is this piece now? Work orders, pieces, steps, rework, labels."""
