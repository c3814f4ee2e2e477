"""Feature extractors by name, a trained classifier among them."""

from pathlib import Path

import numpy as np

from classifiers import model_folder
from ufgen import provenance
from ufgen.errors import UserError
from ufgen.fidelity import feature_extractors
from ufgen.fidelity.feature_extractors import BATCH_SIZE, Extractor, hash_network


def by_name(name: str, weights: str | Path = "imagenet") -> Extractor:
    """Make a feature extractor.

    Args:
        name: `texture`, a network of Keras (`keras:NAME`), or the folder of a trained classifier.
        weights: Of a network of Keras: `imagenet` or a file.

    Returns:
        The extractor.

    Raises:
        UserError: If there is no such extractor, or it cannot be loaded.
    """
    if name == "texture" or name.startswith("keras:"):
        return feature_extractors.by_name(name, weights)
    if not Path(name).is_dir():
        raise UserError(
            f"there is no extractor {name}: expected texture, keras:NAME such as "
            "keras:MobileNetV2?alpha=0.35, or the folder of a classifier that `ufgen train` wrote"
        )
    return trained_classifier(Path(name))


def trained_classifier(folder: Path) -> Extractor:
    """Make an extractor of the features before the last layer of a trained classifier.

    Args:
        folder: What `ufgen train` wrote.

    Returns:
        The extractor.

    Raises:
        UserError: If the folder is not that of a classifier.
    """
    classifier = model_folder.load(folder)
    network = classifier.network.parts.embedding()

    def function(images: np.ndarray) -> np.ndarray:
        resized = classifier.resized(images).astype("float32")
        return network.predict(resized, batch_size=BATCH_SIZE, verbose=0)

    code = provenance.code_version("classifiers.model_folder")
    stamp = provenance.key(12, hash_network(network), code)
    return Extractor(f"classifier-{classifier.metadata['classifier']}", stamp, function)
