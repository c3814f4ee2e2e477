"""A sheet that shows what augmentation policies make of training images."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from classifiers.training.augmentation import MIXING, augmenter
from ufgen.display.image_grid import TILE, write_grid
from ufgen.images import pixel_store
from ufgen.images.image_set import ImageSet

BATCH = 8
COLUMNS = 8
ROWS = 2


def write_sheet(
    path: Path, images: ImageSet, policies: list[str], size: int, seed: int = 0
) -> pd.DataFrame:
    """Write a PNG with two rows for each policy: an image as it is, then changed ones.

    The batch is a seeded choice of `images`, in turn of each class, in grayscale and `size` pixels
    wide. Where a policy mixes images, each is marked with its target. Returns what could not be
    read, as `ufgen.images.pixel_store.load` does. Raises UserError.
    """
    decoded = pixel_store.load(images.select(_of_each_class(images.targets(), seed)), size)
    batch, labels = decoded.store.take(decoded.images), decoded.images.table["label"]
    targets = decoded.images.targets().astype("float32")
    rows = []
    for policy in policies:
        augment = augmenter(policy, seed)
        shown = [(batch, targets), *(augment(batch, targets) for _ in range(COLUMNS - 1))]
        for row, label in enumerate(labels[:ROWS]):
            tiles = []
            for changed, soft in shown:
                text = f"{images.positive} {soft[row]:.2f}" if policy in MIXING else ""
                tiles.append(_tile(np.rint(changed[row]).astype("uint8"), text))
            rows.append((f"{policy}\n{label}", np.stack(tiles)))
    write_grid(path, rows, "Augmentation: a training image, and how it is shown to a classifier")
    return decoded.quarantine


def _of_each_class(targets: np.ndarray, seed: int) -> np.ndarray:
    """Positions of a batch: shuffled, positive and negative in turn while there are both."""
    order = np.random.default_rng(seed).permutation(len(targets))
    shuffled = pd.Series(targets[order])
    return order[np.lexsort((-shuffled, shuffled.groupby(shuffled).cumcount()))][:BATCH]


def _tile(image: np.ndarray, text: str) -> np.ndarray:
    """The enlarged image as uint8 (H, W, 3), with white text on black in its upper left corner."""
    factor = max(1, TILE // len(image))
    picture = Image.fromarray(pixel_store.as_picture(image)).convert("RGB")
    picture = picture.resize(np.multiply(picture.size, factor), Image.Resampling.NEAREST)
    if text:
        draw, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
        right, bottom = draw.textbbox((4, 2), text, font)[2:]
        draw.rectangle((0, 0, right + 3, bottom + 3), fill="black")
        draw.text((4, 2), text, fill="white", font=font)
    return np.asarray(picture)
