"""What training needs; the renderer first."""
