"""gRPC from the stations."""
