"""What an audit measures on each image, in one pass: parallel, restartable, in flat memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ufgen.images.image_set import ImageSet

THUMBNAIL = 64


@dataclass(frozen=True)
class Measurements:
    """The measured images; all attributes but `quarantine` have their rows in the same order.

    Attributes:
        images: The readable images, with the hashes of their pixels.
        table: One row per image: the columns that the functions of `MEASURED` return.
        thumbnails: The whole images, squeezed to a square without regard to their aspect, grey:
            uint8 (N, 64, 64), memory-mapped.
        arrays: Other arrays of one row per image, by name, memory-mapped: `features` (float32,
            (N, 60), the texture features of the thumbnail).
        quarantine: The unreadable images: path, label, split and reason.
    """

    images: ImageSet
    table: pd.DataFrame
    thumbnails: np.ndarray
    arrays: dict[str, np.ndarray]
    quarantine: pd.DataFrame


# Each function is given (path, picture), the picture as `decoding.decode` returns it, and returns
# named numbers or texts. An audit's module brings its own.
MEASURED: tuple[Callable[[str, np.ndarray], dict[str, Any]], ...] = ()
