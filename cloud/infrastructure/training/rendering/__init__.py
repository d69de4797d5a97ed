"""Pictures of garments with known truth."""
