"""The quality and composition of an image set: faulty images, labels, classes, text."""
