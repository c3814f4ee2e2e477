"""Preparation of images: what was burned into them is found and removed, the sector cropped."""
