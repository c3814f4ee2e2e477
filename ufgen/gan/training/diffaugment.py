"""Differentiable augmentation: the same kind of random change for real and generated images.

Zhao et al., Differentiable augmentation for data-efficient GAN training, NeurIPS 2020. Without
vertical flips and saturation: ultrasound has a skin side, and no colour.
"""

import keras
from keras import ops

SHIFT = 0.125
CUTOUT = 0.25


def draw_changes(
    random: keras.random.SeedGenerator,
    count: int,
    names: tuple[str, ...],
    size: int,
    probability=1.0,
) -> dict:
    """Random numbers for one batch, by change: float32 tensors (count,) or (count, 2).

    Each change happens to an image with `probability`; otherwise its numbers change nothing.
    """
    changes = {}
    if "translation" in names:
        reach = round(size * SHIFT)
        shifts = keras.random.randint((count, 2), -reach, reach + 1, seed=random)
        changes["translation"] = ops.cast(shifts, "float32")
    if "brightness" in names:
        changes["brightness"] = keras.random.uniform((count,), -0.3, 0.3, seed=random)
    if "contrast" in names:
        changes["contrast"] = keras.random.uniform((count,), -0.3, 0.3, seed=random)
    if "cutout" in names:
        changes["cutout"] = keras.random.uniform((count, 2), 0, size, seed=random)
    nothing = {"cutout": -float(size)}
    for name, numbers in changes.items():
        chosen = keras.random.uniform((count,) + (1,) * (len(numbers.shape) - 1), seed=random)
        changes[name] = ops.where(chosen < probability, numbers, nothing.get(name, 0.0))
    return changes


def augment(images, changes: dict):
    """Apply `changes` to images (N, H, W, C) in -1..1; they may leave that range a little.

    Brightness is added, contrast stretches by 1 + its number, translation is in pixels, cutout
    gives a centre in pixels. What a shift uncovers and a cutout hides becomes -1, black.
    """
    if "brightness" in changes:
        images = images + changes["brightness"][:, None, None, None]
    if "contrast" in changes:
        mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
        images = images + (images - mean) * changes["contrast"][:, None, None, None]
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
