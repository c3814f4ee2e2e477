"""Training of a classifier: images, loss, the step, and which weights are kept."""
