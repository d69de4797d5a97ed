"""Messages from other systems, proven and taken once; and ours to them, signed and logged."""
