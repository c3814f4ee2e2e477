"""Fidelity of synthetic images, and whether they are copies of training images."""
