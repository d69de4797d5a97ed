"""Is this piece good? Standards, measurements, defects and verdicts."""
