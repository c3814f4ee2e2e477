"""Differentiable augmentation: the same random changes for real and generated images.

Zhao et al., Differentiable augmentation for data-efficient GAN training, NeurIPS 2020. Without
vertical flips and saturation: ultrasound has a skin side, and no colour.
"""

import numpy as np
from keras import ops

SHIFT = 0.125
CUTOUT = 0.25


def draw_changes(rng: np.random.Generator, count: int, names: tuple[str, ...], size: int) -> dict:
    """Random numbers for one batch, by change: float32 arrays of length `count` or (count, 2)."""
    changes = {}
    if "translation" in names:
        reach = round(size * SHIFT)
        changes["translation"] = rng.integers(-reach, reach + 1, (count, 2))
    if "brightness" in names:
        changes["brightness"] = rng.uniform(-0.3, 0.3, count)
    if "contrast" in names:
        changes["contrast"] = rng.uniform(0.7, 1.3, count)
    if "cutout" in names:
        changes["cutout"] = rng.integers(0, size, (count, 2))
    return {name: values.astype("float32") for name, values in changes.items()}


def augment(images, changes: dict):
    """Apply `changes` to images (N, H, W, C) in -1..1; they may leave that range a little.

    What a shift uncovers and a cutout hides becomes -1, black.
    """
    if "brightness" in changes:
        images = images + changes["brightness"][:, None, None, None]
    if "contrast" in changes:
        mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
        images = (images - mean) * changes["contrast"][:, None, None, None] + mean
    size = images.shape[1]
    if "translation" in changes:
        shifts = changes["translation"]
        light = ops.einsum("nij,njwc->niwc", _shift_matrix(shifts[:, 0], size), images + 1)
        light = ops.einsum("nij,nhjc->nhic", _shift_matrix(shifts[:, 1], size), light)
        images = light - 1
    if "cutout" in changes:
        centre, half = changes["cutout"], size * CUTOUT / 2
        line = ops.arange(size, dtype="float32")[None]
        rows = ops.abs(line - centre[:, :1]) < half
        columns = ops.abs(line - centre[:, 1:]) < half
        hidden = ops.logical_and(rows[:, :, None, None], columns[:, None, :, None])
        images = ops.where(hidden, -1.0, images)
    return images


def _shift_matrix(shifts, size: int):
    """(N, size, size) matrices for lines: pixel i becomes pixel i + shift, or 0 outside."""
    line = ops.arange(size, dtype="float32")
    moved = ops.equal(line[None, :, None] + shifts[:, None, None], line[None, None, :])
    return ops.cast(moved, "float32")
