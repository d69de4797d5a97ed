"""Bundles: verification, slots, rollback."""
