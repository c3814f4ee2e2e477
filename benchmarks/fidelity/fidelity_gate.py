"""What the fidelity gate says of unseen real images, and of what a poor generator might draw.

    python benchmarks/fidelity/fidelity_gate.py FOLDER [--resolution 64]

FOLDER holds images with a train and a test split. The test images, as they are and changed, are
measured against the training images; printed: KD-texture and coverage with their references.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from ufgen.fidelity import fidelity_table, gate
from ufgen.fidelity.feature_extractors import texture
from ufgen.images import image_set, pixel_store

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=Path)
parser.add_argument("--resolution", type=int, default=64)
options = parser.parse_args()
decoded = pixel_store.load(image_set.scan(options.folder, binary=False), options.resolution)
parts = {}
for name in ("train", "test"):
    images = decoded.images.split(name)
    labels, shown = images.table["label"].to_numpy(), decoded.store.take(images)
    parts[name] = {label: shown[labels == label] for label in images.classes}
rng = np.random.default_rng(0)


def blurred(images):
    return gaussian_filter(images, (0, 0.7, 0.7, 0))


def averages(images):
    chosen = [images[rng.permutation(len(images))[:20]] for _ in images]
    return np.stack([some.mean(0) for some in chosen]).round().astype("uint8")


def noise(images):
    drawn = rng.normal(images.mean(), images.std(), images.shape)
    return np.clip(drawn, 0, 255).astype("uint8")


cases = {
    "unseen": lambda images: images,
    "five different ones a class": lambda images: images[np.arange(len(images)) % 5],
    "two a class": lambda images: images[np.arange(len(images)) % 2],
    "blurred by 0.7 px": blurred,
    "averages of 20": averages,
    "noise of their mean and deviation": noise,
    "even noise": lambda images: rng.integers(0, 256, images.shape).astype("uint8"),
}
print("| images | KD-texture (reference) | coverage (reference) | gate |\n|---|---|---|---|")
for name, change in cases.items():
    drawn = {label: change(images) for label, images in parts["test"].items()}
    table = fidelity_table.measure(parts["train"], drawn, [texture()])
    rows = table[table["scope"] == "all"].set_index("metric")
    numbers = [rows.loc[f"{metric}-texture"] for metric in ("KD", "coverage")]
    cells = [f"{row['value']:.3g} ({row['reference']:.2g})" for row in numbers]
    verdict = "failed" if gate.failures(table) else "passed"
    print(f"| {name} | {' | '.join(cells)} | {verdict} |", flush=True)
