"""Measurements of a few images, or of a folder, for tests and benchmarks of audits."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ufgen.audit.measurements import THUMBNAIL, Measurements
from ufgen.images import decoding, image_set
from ufgen.images.image_set import COLUMNS, ImageSet


def measured(pictures, functions=(), **columns) -> Measurements:
    """Measure uint8 pictures, (H, W) or (H, W, 3), with some functions of `measurements.measured`.

    The `columns` are those of the image table, such as group; by default each image is a group of
    its own, of the class UF, without a split.
    """
    paths = [f"/x/{i:06d}.png" for i in range(len(pictures))]
    table = pd.DataFrame({"path": paths, "label": "UF", "split": "", "source": "real"})
    table = table.assign(group=[f"path:{Path(path).name}" for path in paths])
    table = table.assign(sha256=[decoding.hash_pixels(picture) for picture in pictures])
    return _measure(ImageSet(table.assign(**columns)[COLUMNS], "UF", "/x"), pictures, functions)


def measured_folder(folder, functions=()) -> Measurements:
    """Decode and measure the images of a folder or manifest."""
    images = image_set.scan(folder, binary=False)
    pictures = [decoding.decode(path) for path in images.table["path"]]
    sha256 = [decoding.hash_pixels(picture) for picture in pictures]
    images = ImageSet(images.table.assign(sha256=sha256), None, images.root)
    return _measure(images, pictures, functions)


def thumbnail(picture) -> np.ndarray:
    """The whole picture, squeezed to a grey square: uint8 (64, 64)."""
    image = Image.fromarray(picture).convert("L")
    return np.asarray(image.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX))


def _measure(images, pictures, functions) -> Measurements:
    rows: list[dict] = [{} for _ in pictures]
    for row, path, picture in zip(rows, images.table["path"], pictures, strict=True):
        for function in functions:
            row |= function(path, picture)
    thumbnails = np.stack([thumbnail(picture) for picture in pictures])
    features = np.zeros((len(pictures), 60), "float32")
    quarantine = pd.DataFrame(columns=["path", "label", "split", "reason"])
    table = pd.DataFrame(rows, index=range(len(rows)))
    return Measurements(images, table, thumbnails, {"features": features}, quarantine)
