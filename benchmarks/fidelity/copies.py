"""Does the test for copies find a memoriser, and does it leave honest images alone?

    python benchmarks/fidelity/copies.py FOLDER [--minutes 4] [--resolution 64]
        [--grid memorised.png]

FOLDER holds images with a train and a test split. Three cases, as `ufgen fidelity` would measure
them: (1) a generator trained for some minutes on 16 training images alone, without augmentation
(GRID shows both); (2) disturbed copies of 16 training images (mirrored, shifted by 2 px, brighter,
noisy); (3) one half of the test images, as if they were synthetic, with the other half held out.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from ufgen import environment

environment.prepare()
environment.import_keras()

from ufgen.display.image_grid import write_grid  # noqa: E402
from ufgen.fidelity.memorization import find_copies  # noqa: E402
from ufgen.gan.recipe import load_recipe  # noqa: E402
from ufgen.gan.sampling.sampler import generate_images  # noqa: E402
from ufgen.gan.training.trainer import train_generator  # noqa: E402
from ufgen.images import image_set, pixel_store  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=Path)
parser.add_argument("--minutes", type=float, default=4)
parser.add_argument("--resolution", type=int, default=64)
parser.add_argument("--grid", type=Path, default=Path("memorised.png"))
options = parser.parse_args()
decoded = pixel_store.load(image_set.scan(options.folder, binary=False), options.resolution)
train, test = (decoded.images.split(name) for name in ("train", "test"))
train_pixels, test_pixels = decoded.store.take(train), decoded.store.take(test)
groups = train.table["group"].to_numpy()
rng = np.random.default_rng(0)
halves = np.array_split(rng.permutation(len(test)), 2)
sixteen = rng.permutation(len(train))[:16]

few, few_pixels = train.select(sixteen), train_pixels[sixteen]
recipe = load_recipe(
    "dcgan", resolution=options.resolution, minutes=options.minutes, diffaugment=[], flip=False
)
with tempfile.TemporaryDirectory() as folder:
    generator = train_generator(few, few_pixels, recipe, Path(folder))
    memorised = generate_images(generator, dict.fromkeys(few.classes, 64)).pixels
rows = [("training", few_pixels), ("synthetic", memorised[::8])]
write_grid(options.grid, rows, "a generator trained on 16 images")

chosen = few_pixels.repeat(8, 0).astype("float64")
chosen[::2] = chosen[::2, :, ::-1]
chosen = np.roll(chosen, 2, axis=2)
chosen += rng.normal(0, 8, chosen.shape) + rng.uniform(-20, 20, (len(chosen), 1, 1, 1))
disturbed = np.clip(chosen, 0, 255).astype("uint8")

cases = {
    "generator of 16 images": (memorised, few_pixels, groups[sixteen]),
    "16 training images, disturbed": (disturbed, train_pixels, groups),
    "unseen": (test_pixels[halves[0]], train_pixels, groups),
}
for name, (drawn, seen, seen_groups) in cases.items():
    found = find_copies(drawn, seen, test_pixels[halves[1]], groups=seen_groups)
    print(f"{name}: {found.verdict()}; threshold {found.threshold:.3f}")
