"""Classical augmentation policies: random changes of a batch of training pixels."""

from collections.abc import Callable

import numpy as np

from ufgen.errors import UserError

POLICIES = ("none", "light")


def check_policy(name: str) -> None:
    """Raise UserError if there is no policy of that name."""
    if name not in POLICIES:
        raise UserError(
            f"there is no augmentation policy {name!r}: expected one of {', '.join(POLICIES)}"
        )


def policy(name: str, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function from a batch of pixels (N, H, W, C) in 0..255 to a changed one, float32 0..255.

    `light` is anatomically plausible: horizontal flip, shift and zoom up to 10 %, brightness and
    contrast up to 10 %. The same seed gives the same sequence of changes. Raises UserError for an
    unknown name.
    """
    check_policy(name)
    if name == "none":
        return lambda batch: batch.astype("float32")
    from keras import layers, ops

    steps = [
        layers.RandomFlip("horizontal", seed=seed),
        layers.RandomTranslation(0.1, 0.1, fill_mode="constant", seed=seed + 1),
        layers.RandomZoom((-0.1, 0.1), fill_mode="constant", seed=seed + 2),
        layers.RandomBrightness(0.1, value_range=(0, 255), seed=seed + 3),
        layers.RandomContrast(0.1, value_range=(0, 255), seed=seed + 4),
    ]

    def augment(batch: np.ndarray) -> np.ndarray:
        images = ops.convert_to_tensor(batch.astype("float32"))
        for step in steps:
            images = step(images, training=True)
        return np.clip(ops.convert_to_numpy(images), 0, 255)

    return augment
