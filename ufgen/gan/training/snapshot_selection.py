"""How close the images of the EMA generator are to the training images, and how diverse."""

import keras
import numpy as np

from ufgen.fidelity.distances import kernel_distance
from ufgen.fidelity.feature_extractors import Extractor, extract
from ufgen.fidelity.fidelity_table import standardised
from ufgen.fidelity.real_reference import between_halves
from ufgen.gan.recipe import Recipe
from ufgen.gan.sampling.latents import sample

COMPARED = 512
COLLAPSED, DIVERSE = 0.05, 0.2  # collapse: diversity falls below COLLAPSED after exceeding DIVERSE


class SnapshotEvaluator:
    """Compares generated images with the training images, by kernel distance (KD).

    As many images of each class are generated as there are among the compared training images
    (512 at most), always from the same latents.

    Attributes:
        extractor: The features of the distance.
        reference: The distance between random halves of the training images, as in
            `fidelity_table`.
    """

    def __init__(
        self, extractor: Extractor, pixels: np.ndarray, labels: np.ndarray, recipe: Recipe
    ) -> None:
        """Extract the features of the training images.

        Args:
            extractor: The features of the distance.
            pixels: Training images, uint8 (N, H, W, C).
            labels: Class indices, (N,).
            recipe: Its `seed` chooses images and latents.
        """
        self.extractor, self.recipe = extractor, recipe
        order = np.argsort(labels, kind="stable")
        self.raw = extract(extractor, pixels[order])
        real = standardised(self.raw, self.raw, extractor)
        self.reference = between_halves(kernel_distance, real, labels[order])
        rng = np.random.default_rng(recipe.seed)
        chosen = np.sort(rng.permutation(len(pixels))[:COMPARED])
        self.counts = np.bincount(labels[order][chosen])
        self.real = real[chosen]

    def compare(self, generator: keras.Model) -> dict[str, float]:
        """Compare a generator's images with the training images.

        Args:
            generator: The network.

        Returns:
            `distance`, the kernel distance, and `diversity`, the features' standard deviation
            within classes as a ratio to that of the real images: 0 where the images of each class
            are all the same.
        """
        generated = [
            sample(generator, self.recipe, index, range(count), self.recipe.seed)
            for index, count in enumerate(self.counts)
            if count
        ]
        features = self.extractor.function(np.concatenate(generated))
        features = standardised(features, self.raw, self.extractor)
        within = self._variance_within_classes(features), self._variance_within_classes(self.real)
        diversity = np.sqrt(within[0] / max(within[1], 1e-12))
        return {"distance": kernel_distance(self.real, features), "diversity": float(diversity)}

    def _variance_within_classes(self, features: np.ndarray) -> float:
        """Total variance within classes of features (N, D), sorted by class."""
        parts = np.split(features, np.cumsum(self.counts)[:-1])
        return sum(len(part) * part.var(0).sum() for part in parts if len(part)) / len(features)
