"""The `kyndof` command line."""
