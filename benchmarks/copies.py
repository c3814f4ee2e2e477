"""Does the test for copies find a memoriser, and does it leave honest images alone?

    python benchmarks/copies.py FOLDER [--positive malignant] [--resolution 64]

FOLDER holds images with a train and a test split. Two cases, as `ufgen fidelity` would measure
them: (1) disturbed copies of 16 training images (mirrored, shifted by 2 px, brighter, noisy);
(2) one half of the test images, as if they were synthetic, with the other half held out.
"""

import argparse
from pathlib import Path

import numpy as np

from ufgen import imageset, pixels
from ufgen.fidelity.copies import find_copies

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=Path)
parser.add_argument("--positive")
parser.add_argument("--resolution", type=int, default=64)
options = parser.parse_args()
images = imageset.scan(options.folder, options.positive)
decoded = pixels.load(images, options.resolution)
train, test = (decoded.images.split(name) for name in ("train", "test"))
train_pixels, test_pixels = decoded.store.take(train), decoded.store.take(test)
groups = train.table["group"].to_numpy()
rng = np.random.default_rng(0)
halves = np.array_split(rng.permutation(len(test)), 2)

chosen = train_pixels[rng.permutation(len(train))[:16]].repeat(8, 0).astype("float64")
chosen[::2] = chosen[::2, :, ::-1]
chosen = np.roll(chosen, 2, axis=2)
chosen += rng.normal(0, 8, chosen.shape) + rng.uniform(-20, 20, (len(chosen), 1, 1, 1))
disturbed = np.clip(chosen, 0, 255).astype("uint8")
for name, drawn in (
    ("16 training images, disturbed", disturbed),
    ("unseen", test_pixels[halves[0]]),
):
    found = find_copies(drawn, train_pixels, test_pixels[halves[1]], groups=groups)
    print(f"{name}: {found.verdict()}; threshold {found.threshold:.3f}")
