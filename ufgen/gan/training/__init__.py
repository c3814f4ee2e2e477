"""Adversarial training: the step, the loop, and the choice of the snapshot."""
