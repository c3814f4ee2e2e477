"""Does KD-texture rise with each disturbance, on any kind of ultrasound image?

    python benchmarks/fidelity/texture_distance.py FOLDER [--resolution 64] [--images 120]

FOLDER holds real images. Three sets: those, phantom images, and those masked to black outside a
fan. One random half of IMAGES x 2 is the reference; the other half is compared with it as it is
("held out"), and after blur (Gaussian, pixels), noise (grey levels), mode dropping (the share that
is left: images similar to one of them), loss of contrast (factor) and of resolution (factor), four
strengths each. Printed: KD-texture as ufgen has it ("now"), and with features divided by their
standard deviation alone ("before"); "!" where a strength does not exceed the weaker one.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from ufgen import phantom
from ufgen.fidelity.distances import kernel_distance
from ufgen.fidelity.feature_extractors import texture
from ufgen.fidelity.fidelity_table import standardised
from ufgen.fidelity.real_reference import between_halves
from ufgen.images import image_set, pixel_store


def blur(images, pixels, rng):
    return gaussian_filter(images, (0, pixels, pixels, 0))


def noise(images, levels, rng):
    return images + rng.normal(0, levels, images.shape)


def modes(images, share, rng):
    """Only the `share` of images most similar to the first one (8 x 8 thumbnails), repeated."""
    count, side = len(images), images.shape[1] // 8
    thumbnails = images.reshape(count, 8, side, 8, side).mean((2, 4)).reshape(count, -1)
    order = np.argsort(np.linalg.norm(thumbnails - thumbnails[0], axis=1), kind="stable")
    return images[np.resize(order[: round(share * count)], count)]


def contrast(images, factor, rng):
    mean = images.mean((1, 2, 3), keepdims=True)
    return mean + (images - mean) * factor


def resolution(images, factor, rng):
    size = images.shape[1]
    fewer = (round(size / factor),) * 2
    planes = (Image.fromarray(plane.astype("float32")) for plane in images[..., 0])
    small = (plane.resize(fewer, Image.Resampling.BOX) for plane in planes)
    return np.stack([p.resize((size, size), Image.Resampling.BICUBIC) for p in small])[..., None]


DISTURBANCES = {
    "blur": (blur, (0.4, 0.7, 1.2, 2.5)),
    "noise": (noise, (4, 8, 16, 40)),
    "modes left": (modes, (0.75, 0.5, 0.25, 0.05)),
    "contrast": (contrast, (0.85, 0.7, 0.5, 0.25)),
    "resolution": (resolution, (1.25, 1.6, 2.2, 4)),
}


def fan(size: int) -> np.ndarray:
    """Where a sector scan has tissue: (size, size) bool."""
    down, right = np.mgrid[:size, :size] / (size - 1)
    radius, angle = np.hypot(right - 0.5, down + 0.25), np.arctan2(right - 0.5, down + 0.25)
    return (radius > 0.35) & (radius < 1.2) & (np.abs(angle) < 0.6)


def divided(features: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Standardised by the deviation alone."""
    spread = reference.std(0)
    return (features - reference.mean(0)) / np.where(spread > 1e-6, spread, 1)


def report(name: str, images: np.ndarray, half: int) -> None:
    """Rows of a Markdown table for one image set."""
    extractor = texture()
    chosen = np.random.default_rng(0).permutation(len(images))[: 2 * half]
    real, held_out = images[chosen[:half]], images[chosen[half:]]
    raw = extractor.function(real)
    features = {"held out": [extractor.function(held_out)]}
    for disturbance, (function, strengths) in DISTURBANCES.items():
        found = []
        for strength in strengths:
            shown = function(held_out.astype("float64"), strength, np.random.default_rng(1))
            found.append(extractor.function(np.clip(shown, 0, 255).round().astype("uint8")))
        features[disturbance] = found
    for label, scale in (
        ("now", lambda x: standardised(x, raw, extractor)),
        ("before", lambda x: divided(x, raw)),
    ):
        reference = between_halves(kernel_distance, scale(raw), np.zeros(len(raw)))
        cells = [f"{reference.low:.2f} to {reference.high:.2f}"]
        start = kernel_distance(scale(raw), scale(features["held out"][0]))
        for disturbance, found in features.items():
            values = [kernel_distance(scale(raw), scale(x)) for x in found]
            risen = disturbance == "held out" or np.all(np.diff([start, *values]) > 0)
            cells.append(", ".join(f"{v:.3g}" for v in values) + ("" if risen else " !"))
        print(f"| {name} | {label} | {' | '.join(cells)} |", flush=True)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=Path)
parser.add_argument("--resolution", type=int, default=64)
parser.add_argument("--images", type=int, default=120)
options = parser.parse_args()
size = options.resolution
with tempfile.TemporaryDirectory() as folder:
    made = phantom.write_set(Path(folder) / "set", 2 * options.images, 8, size, 0, False)
    sets = {}
    for name, place in (("real", options.folder), ("phantom", made)):
        decoded = pixel_store.load(image_set.scan(place, binary=False), size)
        sets[name] = decoded.store.take(decoded.images)
sets["real, fan on black"] = np.where(fan(size)[..., None], sets["real"], 0).astype("uint8")
heads = ["images", "KD-texture", "real-vs-real reference", "held out"]
heads += [f"{name} {', '.join(map(str, values))}" for name, (_, values) in DISTURBANCES.items()]
print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
for name, images in sets.items():
    report(name, images, options.images)
