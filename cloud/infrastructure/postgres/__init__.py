"""PostgreSQL: one store per feature."""
