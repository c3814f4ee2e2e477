"""Differentiable augmentation: the same kind of random change for real and generated images.

Zhao et al., Differentiable augmentation for data-efficient GAN training, NeurIPS 2020. Without
vertical flips and saturation: ultrasound has a skin side, and no colour.
"""

import keras
from keras import ops

from ufgen.backend import Tensor

SHIFT = 0.125
CUTOUT = 0.25


def sample_augmentation_parameters(
    random: keras.random.SeedGenerator,
    count: int,
    names: tuple[str, ...],
    size: int,
    probability: float | Tensor = 1.0,
) -> dict[str, Tensor]:
    """Sample the random parameters that augment a batch.

    Args:
        random: Random state, which advances.
        count: Images, N.
        names: Some of `ufgen.gan.recipe.AUGMENTATIONS`.
        size: Height and width of the images in pixels.
        probability: That each augmentation applies to an image, 0..1; otherwise its parameters
            are those that change nothing.

    Returns:
        float32 tensors by name: "translation" (N, 2), rows and columns in pixels, integers;
        "brightness" (N,) and "contrast" (N,) in -0.3..0.3; "cutout" (N, 2), the centre in pixels.
    """
    parameters = {}
    if "translation" in names:
        reach = round(size * SHIFT)
        shifts = keras.random.randint((count, 2), -reach, reach + 1, seed=random)
        parameters["translation"] = ops.cast(shifts, "float32")
    if "brightness" in names:
        parameters["brightness"] = keras.random.uniform((count,), -0.3, 0.3, seed=random)
    if "contrast" in names:
        parameters["contrast"] = keras.random.uniform((count,), -0.3, 0.3, seed=random)
    if "cutout" in names:
        parameters["cutout"] = keras.random.uniform((count, 2), 0, size, seed=random)
    identity = {"cutout": -float(size)}
    for name, values in parameters.items():
        uniform = keras.random.uniform((count,) + (1,) * (len(values.shape) - 1), seed=random)
        parameters[name] = ops.where(uniform < probability, values, identity.get(name, 0.0))
    return parameters


def augment(images: Tensor, parameters: dict[str, Tensor]) -> Tensor:
    """Augment images, differentiably.

    Brightness is added, contrast scales by 1 + its value, translation shifts, cutout hides a
    square. What a shift uncovers and a cutout hides becomes -1, black.

    Args:
        images: (N, H, W, C) in -1..1.
        parameters: As `sample_augmentation_parameters` returns them.

    Returns:
        (N, H, W, C); with brightness and contrast the values may exceed -1..1.
    """
    if "brightness" in parameters:
        images = images + parameters["brightness"][:, None, None, None]
    if "contrast" in parameters:
        mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
        images = images + (images - mean) * parameters["contrast"][:, None, None, None]
    size = images.shape[1]
    if "translation" in parameters:
        shifts = parameters["translation"]
        light = ops.einsum("nij,njwc->niwc", _shift_matrix(shifts[:, 0], size), images + 1)
        light = ops.einsum("nij,nhjc->nhic", _shift_matrix(shifts[:, 1], size), light)
        images = light - 1
    if "cutout" in parameters:
        centre, half = parameters["cutout"], size * CUTOUT / 2
        line = ops.arange(size, dtype="float32")[None]
        rows = ops.abs(line - centre[:, :1]) < half
        columns = ops.abs(line - centre[:, 1:]) < half
        hidden = ops.logical_and(rows[:, :, None, None], columns[:, None, :, None])
        images = ops.where(hidden, -1.0, images)
    return images


def _shift_matrix(shifts: Tensor, size: int) -> Tensor:
    """(N, size, size) matrices for lines: output pixel i is input pixel i + shift, or 0 outside."""
    line = ops.arange(size, dtype="float32")
    moved = ops.equal(line[None, :, None] + shifts[:, None, None], line[None, None, :])
    return ops.cast(moved, "float32")
