"""Which state of the averaged generator is the best so far, and whether it has collapsed."""

import numpy as np

from ufgen.fidelity.distances import kernel_distance
from ufgen.fidelity.feature_extractors import Extractor, extract
from ufgen.fidelity.fidelity_table import standardised
from ufgen.fidelity.real_reference import between_halves
from ufgen.gan.recipe import Recipe
from ufgen.gan.sampling.latents import sample

COMPARED = 512
COLLAPSED, VARIED = 0.05, 0.2


class SnapshotSelector:
    """Compares a generator's images with the training images, by kernel distance (KD).

    `pixels` are uint8 (N, H, W, C) with class numbers `labels`; the generator draws the same
    number of each class, 512 in all at most, always from the same latents. `reference` is the
    distance between random halves of the training images, as `fidelity_table` gives it.
    """

    def __init__(self, extractor: Extractor, pixels, labels, recipe: Recipe):
        self.extractor, self.recipe = extractor, recipe
        order = np.argsort(labels, kind="stable")
        self.raw = extract(extractor, pixels[order])
        real = standardised(self.raw, self.raw, extractor)
        self.reference = between_halves(kernel_distance, real, labels[order])
        rng = np.random.default_rng(recipe.seed)
        chosen = np.sort(rng.permutation(len(pixels))[:COMPARED])
        self.counts = np.bincount(labels[order][chosen])
        self.real = real[chosen]

    def compare(self, generator) -> dict[str, float]:
        """`distance` (KD) of the generator's images, and their `variety` beside the real ones'.

        Variety is the ratio of the features' standard deviations within a class: 0 where every
        image of each class is the same.
        """
        drawn = [
            sample(generator, self.recipe, index, range(count), self.recipe.seed)
            for index, count in enumerate(self.counts)
            if count
        ]
        features = self.extractor.function(np.concatenate(drawn))
        features = standardised(features, self.raw, self.extractor)
        spread = np.sqrt(self._within(features) / max(self._within(self.real), 1e-12))
        return {"distance": kernel_distance(self.real, features), "variety": float(spread)}

    def _within(self, features: np.ndarray) -> float:
        """The variance of the features (N, D), in the order of the classes, within a class."""
        parts = np.split(features, np.cumsum(self.counts)[:-1])
        return sum(len(part) * part.var(0).sum() for part in parts if len(part)) / len(features)
