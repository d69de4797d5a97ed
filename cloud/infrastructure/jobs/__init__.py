"""Background jobs on BullMQ."""
