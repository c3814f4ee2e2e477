"""Probes: how well something that must not matter tells the classes of an image set apart."""
