"""What was read before: in the process, in Redis, and then in the database."""
