"""From images to features: each extractor has a name and a stamp that its distances carry."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ufgen import pretrained, provenance
from ufgen.atomic import atomic_file
from ufgen.batching import in_batches
from ufgen.images.pixel_store import cache_folder

TEXTURE_VERSION = 2
TEXTURE_FAMILIES = (3, 3, 3, 3, 3, 10, 18, 9, 7, 1)
LEVELS = 16
BATCH_SIZE = 32


@dataclass(frozen=True)
class Extractor:
    """A `function` from uint8 (N, H, W, C) to float32 features (N, D), with `name` and `stamp`.

    The stamp is 12 hexadecimal digits of a hash of its weights. `families` are the numbers of
    features, in their order, that have one unit (D in all): such features are standardised on the
    real images (`fidelity_table.standardised`). Without families they count as they are.
    """

    name: str
    stamp: str
    function: Callable[[np.ndarray], np.ndarray]
    families: tuple[int, ...] = ()


def extract(extractor: Extractor, images: np.ndarray) -> np.ndarray:
    """Features of uint8 (N, H, W, C): float32 (N, D), cached by the content of the images."""
    images = np.ascontiguousarray(images)
    by = provenance.made_by("features", "ufgen.fidelity.feature_extractors")
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
    """Statistics of speckle and brightness; needs no weights.

    Grey-level co-occurrence (Haralick et al., 1973) at distances 1, 2 and 4, uniform local binary
    patterns (Ojala et al., 2002) at radii 1 and 2, log wavelet energies (db2, three levels),
    moments and percentiles of the grey values. 60 features, standardised on the real images.
    """
    stamp = hashlib.sha256(f"texture {TEXTURE_VERSION} {LEVELS}".encode()).hexdigest()[:12]

    def function(images: np.ndarray) -> np.ndarray:
        return np.stack([_texture(image) for image in images]).astype("float32")

    return Extractor("texture", stamp, function, TEXTURE_FAMILIES)


def by_name(name: str, weights: str | Path = "imagenet") -> Extractor:
    """`texture`, or a network of Keras (`keras:NAME`) with these weights. Raises UserError."""
    return texture() if name == "texture" else keras_network(name, weights)


def hash_weights(network) -> str:
    """12 hexadecimal digits of a hash of a Keras network's weights, in their order."""
    digest = hashlib.sha256()
    for value in network.get_weights():
        digest.update(np.ascontiguousarray(value).data)
    return digest.hexdigest()[:12]


def _texture(image: np.ndarray) -> np.ndarray:
    import pywt
    from skimage.feature import graycomatrix, graycoprops, local_binary_pattern

    grey = image.mean(-1)
    bins = (grey * (LEVELS / 256)).astype("uint8")
    angles = np.arange(4) * np.pi / 4
    pairs = graycomatrix(bins, [1, 2, 4], angles, LEVELS, symmetric=True, normed=True)
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


def keras_network(spec: str, weights: str | Path = "imagenet") -> Extractor:
    """The pooled last features of a `keras.applications` network, at its usual input size.

    `spec` is "keras:NAME" or "keras:NAME?option=value&...", such as keras:MobileNetV2?alpha=0.35;
    `weights` is "imagenet" or a local file. Images are resized in floats with antialiasing (Parmar
    et al., On aliased resizing, CVPR 2022), grey ones repeated to three channels. Raises UserError.
    """
    network, preprocess = pretrained.build(spec, weights, pooling="avg")
    size = network.input_shape[1]

    def function(images: np.ndarray) -> np.ndarray:
        return in_batches(features, BATCH_SIZE, images)

    def features(batch: np.ndarray) -> np.ndarray:
        shown = preprocess(resized(batch, size))
        return np.asarray(network.predict_on_batch(shown), "float32")

    return Extractor(network_name(spec), hash_weights(network), function)


def network_name(spec: str) -> str:
    """keras:MobileNetV2?alpha=0.35 is called mobilenetv2, and InceptionV3 inception.

    Its distances are still not called FID or KID: those belong to weights of 2015, not Keras' own.
    """
    name = spec.removeprefix("keras:").partition("?")[0].lower()
    return {"inceptionv3": "inception"}.get(name, name)


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """uint8 (N, H, W, C) to float32 (N, size, size, 3) in 0..255, antialiased bicubic."""
    made = np.empty((len(images), size, size, images.shape[-1]), "float32")
    for target, image in zip(made, images, strict=True):
        for channel in range(images.shape[-1]):
            plane = Image.fromarray(image[..., channel].astype("float32"))
            target[..., channel] = plane.resize((size, size), Image.Resampling.BICUBIC)
    return np.repeat(made, 3, axis=-1) if images.shape[-1] == 1 else made
