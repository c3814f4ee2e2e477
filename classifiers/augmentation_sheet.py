"""A sheet of training images as augmentation policies change them."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from classifiers.training.augmentation import MIXING, augmenter
from ufgen.display.image_grid import TILE, write_grid
from ufgen.images import pixel_store
from ufgen.images.image_set import ImageSet

BATCH_SIZE = 8
COLUMNS = 8
ROWS = 2


def write_sheet(
    path: Path, images: ImageSet, policies: list[str], size: int, seed: int = 0
) -> pd.DataFrame:
    """Write a PNG with two rows for each policy: an image unchanged, then augmented.

    The batch is a random choice of the images, of the classes in turn, in grayscale. Where a policy
    mixes images, each is labelled with its target.

    Args:
        path: The PNG.
        images: Images of one or more classes.
        policies: Augmentation policies.
        size: Height and width of the images in pixels.
        seed: Of the choice and the augmentation.

    Returns:
        The unreadable files, as `ufgen.images.pixel_store.load` lists them.

    Raises:
        UserError: There is no such policy, or no image can be read.
    """
    decoded = pixel_store.load(images.select(_sample_classes(images.targets(), seed)), size)
    batch, labels = decoded.store.take(decoded.images), decoded.images.table["label"]
    targets = decoded.images.targets().astype("float32")
    rows = []
    for policy in policies:
        augment = augmenter(policy, seed)
        columns = [(batch, targets), *(augment(batch, targets) for _ in range(COLUMNS - 1))]
        for row, label in enumerate(labels[:ROWS]):
            tiles = []
            for pixels, soft_targets in columns:
                text = f"{images.positive} {soft_targets[row]:.2f}" if policy in MIXING else ""
                tiles.append(_tile(np.rint(pixels[row]).astype("uint8"), text))
            rows.append((f"{policy}\n{label}", np.stack(tiles)))
    write_grid(path, rows, "Augmentation: a training image, and how it is shown to a classifier")
    return decoded.quarantine


def _sample_classes(targets: np.ndarray, seed: int) -> np.ndarray:
    """Positions of a batch: shuffled, positive and negative in turn while there are both."""
    order = np.random.default_rng(seed).permutation(len(targets))
    shuffled = pd.Series(targets[order])
    return order[np.lexsort((-shuffled, shuffled.groupby(shuffled).cumcount()))][:BATCH_SIZE]


def _tile(image: np.ndarray, text: str) -> np.ndarray:
    """The enlarged image as uint8 (H, W, 3), with white text on black in its upper left corner."""
    factor = max(1, TILE // len(image))
    picture = Image.fromarray(pixel_store.as_picture(image)).convert("RGB")
    width, height = picture.size
    picture = picture.resize((width * factor, height * factor), Image.Resampling.NEAREST)
    if text:
        draw, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
        right, bottom = draw.textbbox((4, 2), text, font)[2:]
        draw.rectangle((0, 0, right + 3, bottom + 3), fill="black")
        draw.text((4, 2), text, fill="white", font=font)
    return np.asarray(picture)
