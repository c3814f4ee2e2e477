"""Label agreement: predicted probability of a generated image's own label."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from classifiers import model_folder
from ufgen.errors import UserError

Agreement = Callable[[np.ndarray, np.ndarray, Iterable[str]], np.ndarray]


def of_classifier(folder: Path) -> Agreement:
    """Make a function that scores generated images by the probability of their own label.

    For a label other than the classifier's positive class that is the probability of any such
    label: it says nothing of the differences between them.

    Args:
        folder: What `ufgen train` wrote.

    Returns:
        A function from generated images, uint8 (N, H, W, C), their labels (N,) and the hashes of
        the generator's training images to probabilities (N,).

    Raises:
        UserError: By the returned function, if the classifier was trained on images that the
            generator was not (their content would leak into the selection), or on other classes.
    """

    def probability_of_own_label(
        pixels: np.ndarray, labels: np.ndarray, training: Iterable[str]
    ) -> np.ndarray:
        classifier = model_folder.load(folder)
        unseen = set(classifier.trained_on["sha256"]) - set(training)
        if unseen:
            raise UserError(
                f"{folder} was trained on {len(unseen)} images that are not among the generator's "
                "training images: train a classifier on the same training images"
            )
        unknown = set(labels) - classifier.classes
        if unknown:
            raise UserError(f"{folder} was not trained on the class {', '.join(sorted(unknown))}")
        probability = classifier.predict_pixels(pixels)
        return np.where(labels == classifier.metadata["positive"], probability, 1 - probability)

    return probability_of_own_label
