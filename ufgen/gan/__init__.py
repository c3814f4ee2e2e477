"""The class-conditional generator: networks, training, and drawing images."""
