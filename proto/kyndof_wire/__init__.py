"""Wire messages between floor and cloud, generated from the protos beside them."""
