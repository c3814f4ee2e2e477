"""Feature extractors: from images to the features that distances compare."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ufgen import pretrained, provenance
from ufgen.atomic import atomic_file
from ufgen.batching import in_batches
from ufgen.images.pixel_store import cache_folder

if TYPE_CHECKING:
    import keras

TEXTURE_VERSION = 2
TEXTURE_FAMILIES = (3, 3, 3, 3, 3, 10, 18, 9, 7, 1)
GREY_LEVELS = 16
BATCH_SIZE = 32


@dataclass(frozen=True)
class Extractor:
    """A feature extractor.

    Attributes:
        name: Its name, the suffix of its metrics (KD-texture).
        stamp: 12 hexadecimal digits of a hash of its weights or its version: distances with
            different stamps cannot be compared.
        function: From images, uint8 (N, H, W, C), to features, float32 (N, D).
        families: Numbers of consecutive features that have one unit, D in all; such features are
            standardised on the real images (`fidelity_table.standardised`). Without families they
            are used as they are.
    """

    name: str
    stamp: str
    function: Callable[[np.ndarray], np.ndarray]
    families: tuple[int, ...] = ()


def extract(extractor: Extractor, images: np.ndarray) -> np.ndarray:
    """Extract features, or take them from the cache, whose key is the content of the images.

    Args:
        extractor: The feature extractor.
        images: Images, uint8 (N, H, W, C).

    Returns:
        Features, float32 (N, D).

    Raises:
        UserError: There is no folder for the cache.
    """
    images = np.ascontiguousarray(images)
    by = provenance.versions("features", "ufgen.fidelity.feature_extractors")
    digest = hashlib.sha256(f"{by}{extractor.stamp}{images.shape}".encode())
    digest.update(images.data)
    file = cache_folder() / "features" / f"{extractor.name}-{digest.hexdigest()[:32]}.npy"
    if file.is_file():
        return np.load(file, allow_pickle=False)
    features = extractor.function(images).astype("float32")
    with atomic_file(file) as temporary:
        np.save(temporary, features)
    return features


def texture() -> Extractor:
    """Build the extractor of speckle and brightness statistics, which needs no weights.

    Its 60 features (raw: `fidelity_table.standardised` standardises them) are grey-level
    co-occurrence (Haralick et al., 1973) at distances 1, 2 and 4, uniform local binary patterns
    (Ojala et al., 2002) at radii 1 and 2, log mean absolute wavelet coefficients (db2, three
    levels), and moments and percentiles of the grey values.

    Returns:
        The extractor `texture`, for images of any size and number of channels.

    Example:
        >>> texture().function(np.zeros((2, 32, 32, 1), "uint8")).shape
        (2, 60)
    """
    stamp = hashlib.sha256(f"texture {TEXTURE_VERSION} {GREY_LEVELS}".encode()).hexdigest()[:12]

    def function(images: np.ndarray) -> np.ndarray:
        return np.stack([_texture(image) for image in images]).astype("float32")

    return Extractor("texture", stamp, function, TEXTURE_FAMILIES)


def by_name(name: str, weights: str | Path = "imagenet") -> Extractor:
    """Build an extractor by its name.

    Args:
        name: "texture", or a network of Keras as in `keras_extractor`.
        weights: The network's weights, as in `keras_extractor`.

    Returns:
        The extractor.

    Raises:
        UserError: There is no such network, or its weights cannot be loaded.
    """
    return texture() if name == "texture" else keras_extractor(name, weights)


def hash_network(network: "keras.Model") -> str:
    """Hash a network's weights, in their order.

    Args:
        network: A Keras network.

    Returns:
        12 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for value in network.get_weights():
        digest.update(np.ascontiguousarray(value).data)
    return digest.hexdigest()[:12]


def _texture(image: np.ndarray) -> np.ndarray:
    import pywt
    from skimage.feature import graycomatrix, graycoprops, local_binary_pattern

    grey = image.mean(-1)
    levels = (grey * (GREY_LEVELS / 256)).astype("uint8")
    angles = np.arange(4) * np.pi / 4
    pairs = graycomatrix(levels, [1, 2, 4], angles, GREY_LEVELS, symmetric=True, normed=True)
    properties = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation")
    features = [graycoprops(pairs, name).mean(1) for name in properties]
    for radius in (1, 2):
        points = 8 * radius
        patterns = local_binary_pattern(grey.astype("uint8"), points, radius, "uniform")
        features.append(np.bincount(patterns.astype(int).ravel(), minlength=points + 2) / grey.size)
    for details in pywt.wavedec2(grey, "db2", level=3, mode="periodization")[1:]:
        features.append([np.log(np.abs(band).mean() + 1e-3) for band in details])
    centred = grey - grey.mean()
    deviation = grey.std()
    skewness = (centred**3).mean() / max(deviation, 1e-3) ** 3
    features.append([grey.mean(), deviation, *np.percentile(grey, [5, 25, 50, 75, 95]), skewness])
    return np.concatenate(features)


def keras_extractor(spec: str, weights: str | Path = "imagenet") -> Extractor:
    """Build the extractor of a `keras.applications` network's last features, average pooled.

    Images are resized, to 299 px for InceptionV3, Xception and InceptionResNetV2 and otherwise to
    224 px, in floats with antialiasing (Parmar et al., On aliased resizing, CVPR 2022), and grey
    ones repeated to three channels.

    Args:
        spec: "keras:NAME" or "keras:NAME?option=value&...", such as keras:MobileNetV2?alpha=0.35.
        weights: "imagenet", or a local file of weights without the top.

    Returns:
        The extractor, named by `network_name`.

    Raises:
        UserError: There is no such network, or its weights cannot be loaded.
    """
    network, preprocess = pretrained.build(spec, weights, pooling="avg")
    size = network.input_shape[1]

    def function(images: np.ndarray) -> np.ndarray:
        return in_batches(features, BATCH_SIZE, images)

    def features(batch: np.ndarray) -> np.ndarray:
        inputs = preprocess(resize_images(batch, size))
        return np.asarray(network.predict_on_batch(inputs), "float32")

    return Extractor(network_name(spec), hash_network(network), function)


def network_name(spec: str) -> str:
    """Name a network's features: its name in lower case, without options.

    Distances of InceptionV3, named "inception", are not called FID or KID: these belong to the
    weights of 2015, not to Keras' own.

    Args:
        spec: "keras:NAME" or "keras:NAME?option=value&...".

    Returns:
        The name.

    Example:
        >>> network_name("keras:MobileNetV2?alpha=0.35"), network_name("keras:InceptionV3")
        ('mobilenetv2', 'inception')
    """
    name = spec.removeprefix("keras:").partition("?")[0].lower()
    return {"inceptionv3": "inception"}.get(name, name)


def resize_images(images: np.ndarray, size: int) -> np.ndarray:
    """Resize images by antialiased bicubic interpolation, in floats.

    Args:
        images: Images, uint8 (N, H, W, C) with C 1 or 3.
        size: Height and width of the result, in pixels.

    Returns:
        RGB images, float32 (N, size, size, 3) on the scale 0..255; a single channel is repeated.

    Example:
        >>> resize_images(np.zeros((2, 64, 64, 1), "uint8"), 32).shape
        (2, 32, 32, 3)
    """
    resized = np.empty((len(images), size, size, images.shape[-1]), "float32")
    for target, image in zip(resized, images, strict=True):
        for channel in range(images.shape[-1]):
            plane = Image.fromarray(image[..., channel].astype("float32"))
            target[..., channel] = plane.resize((size, size), Image.Resampling.BICUBIC)
    return np.repeat(resized, 3, axis=-1) if images.shape[-1] == 1 else resized
