"""Facts, recorded in the transaction of the act, delivered at least once."""
