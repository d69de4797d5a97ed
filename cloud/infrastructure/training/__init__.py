"""What training needs: the renderer, and the bundle that stations begin with."""
