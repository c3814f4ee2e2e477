"""Features of a frozen backbone: computed once for each image, or augmented view of one."""

import hashlib

import keras
import numpy as np

from classifiers.training import augmentation as policies
from ufgen.batching import in_batches

BATCH_SIZE = 32


class FrozenFeatures:
    """A cache of features by the content of an image.

    Args:
        network: Pixels (N, size, size, channels) in 0..255 to features (N, F); its weights must not
            change.
    """

    def __init__(self, network: keras.Model) -> None:
        self._network = network
        self._cache: dict[tuple, np.ndarray] = {}

    def views(self, pixels: np.ndarray, augmentation: str, count: int, seed: int = 0) -> np.ndarray:
        """Compute, or look up, the features of augmented views of images.

        The views depend on the image, the policy and the seed, not on the other images: training
        runs with different seeds see different views, as they do where the backbone is trained.

        Args:
            pixels: uint8 (N, size, size, channels).
            augmentation: An augmentation policy; with "none" there is one view.
            count: Views of each image.
            seed: Of the views.

        Returns:
            float32 (N, count, F).
        """
        if augmentation == "none":
            count, seed = 1, 0
        keys = [(hashlib.sha256(i.tobytes()).digest(), augmentation, count, seed) for i in pixels]
        missing = list({k: row for row, k in enumerate(keys) if k not in self._cache}.items())
        for start in range(0, len(missing), BATCH_SIZE):
            batch = missing[start : start + BATCH_SIZE]
            images = [policies.views(pixels[row], augmentation, count, seed) for _, row in batch]
            features = self._compute(np.concatenate(images)).reshape(len(batch), count, -1)
            self._cache.update(zip([key for key, _ in batch], features, strict=True))
        return np.stack([self._cache[key] for key in keys])

    def _compute(self, images: np.ndarray) -> np.ndarray:
        def features(batch: np.ndarray) -> np.ndarray:
            batch = np.asarray(batch, "float32")
            return np.asarray(self._network.predict_on_batch(batch), "float32")

        return in_batches(features, BATCH_SIZE, images)
