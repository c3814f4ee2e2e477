"""Figures, grids of images, contact sheets, the page of an image set, and TensorBoard."""
