"""Work in the background: what waits, runs, has failed, and is tried again."""
