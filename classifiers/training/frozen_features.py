"""Features of a frozen backbone: computed once for each image, or augmented view of one."""

import hashlib

import keras
import numpy as np

from classifiers.training import augmentation as policies
from ufgen.batching import in_batches

BATCH_SIZE = 32


class FrozenFeatures:
    """Features by the content of an image; what was computed once is looked up afterwards.

    `network` takes pixels (N, size, size, channels) in 0..255 to features (N, F); its weights
    must not change.
    """

    def __init__(self, network: keras.Model):
        self._network = network
        self._found: dict[tuple, np.ndarray] = {}

    def views(self, pixels: np.ndarray, augmentation: str, count: int, seed: int = 0) -> np.ndarray:
        """Features of `count` augmented views of each image: float32 (N, count, F).

        `pixels` are uint8 (N, size, size, channels); without augmentation there is one view. The
        views depend on the image, the policy and the seed, whatever other images are asked for:
        trainings with different seeds see different views, as they do where the backbone learns.
        """
        if augmentation == "none":
            count, seed = 1, 0
        keys = [(hashlib.sha256(i.tobytes()).digest(), augmentation, count, seed) for i in pixels]
        missing = {key: row for row, key in enumerate(keys) if key not in self._found}
        lacking = list(missing.items())
        for start in range(0, len(lacking), BATCH_SIZE):
            part = lacking[start : start + BATCH_SIZE]
            shown = [policies.views(pixels[row], augmentation, count, seed) for _, row in part]
            features = self._of(np.concatenate(shown)).reshape(len(part), count, -1)
            self._found.update(zip([key for key, _ in part], features, strict=True))
        return np.stack([self._found[key] for key in keys])

    def _of(self, pixels: np.ndarray) -> np.ndarray:
        def features(batch: np.ndarray) -> np.ndarray:
            shown = np.asarray(batch, "float32")
            return np.asarray(self._network.predict_on_batch(shown), "float32")

        return in_batches(features, BATCH_SIZE, pixels)
