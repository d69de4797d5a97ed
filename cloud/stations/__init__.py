"""Which devices exist, with which identity, calibration and bundle."""
