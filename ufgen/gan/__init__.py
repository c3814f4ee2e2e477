"""The class-conditional generator: networks, training, and sampling of images."""
