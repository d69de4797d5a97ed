"""Learning with the inspection pipeline's own means."""
