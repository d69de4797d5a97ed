"""The doors: they build commands and queries and nothing else."""
