"""What people look at: figures, grids, and the page of an image set."""
