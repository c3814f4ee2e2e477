"""Contact sheets: many images in one PNG that a page embeds."""

import base64
import io
import math
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import pandas as pd
from PIL import Image

from ufgen.images.decoding import as_picture

LARGEST_SIDE = 128


@dataclass(frozen=True)
class LabelledImages:
    """Images and their metadata, row by row.

    Attributes:
        table: `path` and `label`; `group` where they are a generator's training images; for real
            images also `source`, and for synthetic ones `latent_seed` and `discriminator_score`,
            where they have them.
        pixels: uint8 (N, H, W, C) with C 1 or 3.
    """

    table: pd.DataFrame
    pixels: np.ndarray


class ContactSheet:
    """Some of the labelled images in one PNG, each padded by its own edge so that none bleeds.

    Args:
        name: The name of the sheet in the page.
        labelled: The images to choose from.
        rows: The rows of `labelled` that the sheet shows.

    Attributes:
        data: The PNG as a data URI.
        width: Width of one image, in pixels of the sheet; so is `height`.
        columns: Images per row of the sheet.
    """

    def __init__(self, name: str, labelled: LabelledImages, rows: list[int]) -> None:
        self.name, self.rows = name, {row: i for i, row in enumerate(rows)}
        self.table = labelled.table
        images = _reduced(labelled.pixels[rows])
        if images.shape[-1] == 3 and (images == images[..., :1]).all():
            images = images[..., :1]
        count, self.height, self.width, channels = images.shape
        self.columns = max(1, math.ceil(math.sqrt(count)))
        lines = max(1, math.ceil(count / self.columns))
        padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
        cells = np.zeros((lines * self.columns, *padded.shape[1:]), "uint8")
        cells[:count] = padded
        cells = cells.reshape(lines, self.columns, self.height + 2, self.width + 2, channels)
        sheet = cells.transpose(0, 2, 1, 3, 4).reshape(
            lines * (self.height + 2), self.columns * (self.width + 2), channels
        )
        buffer = io.BytesIO()
        Image.fromarray(sheet[..., 0] if channels == 1 else sheet).save(
            buffer, "png", optimize=True
        )
        self.data = data_uri(buffer.getvalue(), "image/png")

    def cell(self, row: int) -> dict:
        """Locate an image in the sheet.

        Args:
            row: Its row among the labelled images.

        Returns:
            The name of the `sheet`, the column `x` and the row `y` in it, the `file` (with its
            folder) and the `label`.
        """
        line, column = divmod(self.rows[row], self.columns)
        file = "/".join(PurePath(str(self.table["path"].iloc[row])).parts[-2:])
        label = self.table["label"].iloc[row]
        return {"sheet": self.name, "x": column, "y": line, "file": file, "label": label}


def data_uri(content: bytes, kind: str) -> str:
    """Encode content as a data URI, to be embedded in a page.

    Args:
        content: The bytes.
        kind: Their media type, such as image/png.

    Returns:
        The data URI.

    Example:
        >>> data_uri(b"hello", "text/plain")
        'data:text/plain;base64,aGVsbG8='
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _reduced(images: np.ndarray) -> np.ndarray:
    """Shrink images (N, H, W, C) by averaging blocks until no side is above `LARGEST_SIDE`."""
    factor = math.ceil(max(images.shape[1:3]) / LARGEST_SIDE)
    if factor == 1:
        return images
    return np.stack(
        [np.asarray(Image.fromarray(as_picture(image)).reduce(factor)) for image in images]
    ).reshape(len(images), -(-images.shape[1] // factor), -(-images.shape[2] // factor), -1)
