"""How probable a trained classifier finds the labels of generated images: the filter agreement."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from classifiers import model_folder
from ufgen.errors import UserError
from ufgen.gan.sampling.sampler import GeneratedImages


def of_classifier(folder: Path) -> Callable[[GeneratedImages], np.ndarray]:
    """A function from generated images to the probability of each one's own label, (N,).

    `folder` is one that `ufgen train` wrote. The function raises UserError if that classifier saw
    an image that the generator did not: it would carry that image's content into the choice.
    """

    def probability_of_own_label(drawn: GeneratedImages) -> np.ndarray:
        classifier = model_folder.load(folder)
        unseen = set(classifier.trained_on["sha256"]) - set(drawn.training["sha256"])
        if unseen:
            raise UserError(
                f"{folder} was trained on {len(unseen)} images that are not among the generator's "
                "training images: train a classifier on the same training images"
            )
        positive, negative = classifier.metadata["positive"], classifier.metadata["negative"]
        unknown = set(drawn.table["label"]) - {positive, negative}
        if unknown:
            raise UserError(f"{folder} does not know the class {', '.join(sorted(unknown))}")
        probability = classifier.predict_pixels(drawn.pixels)
        return np.where(drawn.table["label"] == positive, probability, 1 - probability)

    return probability_of_own_label
