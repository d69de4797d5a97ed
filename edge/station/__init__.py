"""Identity, work package, guide state machine, health."""
