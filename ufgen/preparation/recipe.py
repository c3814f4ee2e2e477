"""Preparations: the steps that are applied to each picture, in order, and their key."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ufgen import provenance
from ufgen.errors import UserError
from ufgen.preparation.fill import inpaint
from ufgen.preparation.overlays import Overlays, find_overlays
from ufgen.preparation.text_lines import Box

VERSION = 1
STEPS = ("sector", "mask-overlays", "inpaint-overlays", "grayscale")
HALO = 2  # pixels around marks that are replaced too: compression blurs them


class Prepared(NamedTuple):
    """A prepared picture and what was found in the original.

    Attributes:
        picture: uint8 (H, W) or (H, W, 3).
        overlays: The overlays of the original; None where no step needs them.
        crop: The box of the original that is left: (top, left, bottom, right).
    """

    picture: np.ndarray
    overlays: Overlays | None
    crop: Box


@dataclass(frozen=True)
class Preparation:
    """Steps that are applied to each picture, in this order whatever order they are named in.

    Overlays are removed first and the picture is cropped last, so that everything is found in the
    original.

    Attributes:
        steps: Of `STEPS`: `mask-overlays` (text and marks black) or `inpaint-overlays` (continued
            from their surroundings), `sector` (cropped to the scan), `grayscale`.

    Raises:
        UserError: Where a step is unknown or named twice, or both kinds of removal are named.
    """

    steps: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        steps = tuple(self.steps)
        if unknown := set(steps) - set(STEPS):
            raise UserError(
                f"{', '.join(sorted(unknown))} is no step of a preparation: expected some of "
                f"{', '.join(STEPS)}"
            )
        if len(set(steps)) < len(steps):
            raise UserError(f"the steps {', '.join(steps)} hold one more than once")
        if {"mask-overlays", "inpaint-overlays"} <= set(steps):
            raise UserError(
                "both mask-overlays and inpaint-overlays are named: expected one of them, as "
                "overlays are removed once"
            )
        object.__setattr__(self, "steps", tuple(step for step in STEPS if step in steps))

    @property
    def key(self) -> str:
        """Of the steps and the code that applies them: 16 hexadecimal digits."""
        code = provenance.versions("decoding", "ufgen.preparation.recipe")
        return provenance.key(16, VERSION, list(self.steps), code)

    def apply(self, picture: np.ndarray, path: str = "") -> np.ndarray:
        """Prepare a picture.

        Args:
            picture: uint8 (H, W) or (H, W, 3), as it was decoded.
            path: Its file, for the region that a DICOM header names.

        Returns:
            uint8 (H, W) or (H, W, 3), smaller where it was cropped.
        """
        return self.prepare(picture, path).picture

    def prepare(self, picture: np.ndarray, path: str = "") -> Prepared:
        """Prepare a picture, and say what was found in it.

        Args:
            picture: uint8 (H, W) or (H, W, 3), as it was decoded.
            path: Its file, for the region that a DICOM header names.

        Returns:
            The prepared picture with the overlays of the original.
        """
        height, width = picture.shape[:2]
        overlays = find_overlays(picture) if set(self.steps) - {"grayscale"} else None
        crop = (0, 0, height, width)
        if overlays is not None:
            if "sector" in self.steps:
                crop = _header_region(path) or overlays.sector or crop
            if "mask-overlays" in self.steps:
                picture = picture.copy()
                picture[_removed(overlays)] = 0
            elif "inpaint-overlays" in self.steps:
                picture = inpaint(picture, _removed(overlays))
        top, left, bottom, right = crop
        picture = picture[top:bottom, left:right]
        if "grayscale" in self.steps and picture.ndim == 3:
            from PIL import Image

            picture = np.asarray(Image.fromarray(np.ascontiguousarray(picture)).convert("L"))
        return Prepared(np.ascontiguousarray(picture), overlays, crop)


def _removed(overlays: Overlays) -> np.ndarray:
    """The boxes of text, and marks with a margin: boolean (H, W)."""
    from scipy import ndimage

    grown = ndimage.binary_dilation(overlays.marks, np.ones((3, 3)), HALO)
    return overlays.text_mask | grown


def _header_region(path: str) -> Box | None:
    """The region of the scan by the header of a DICOM file; None for other files."""
    try:
        from ufgen.images.dicom import ultrasound_region
    except ImportError:
        return None
    try:
        return ultrasound_region(path)
    except UserError:  # no DICOM file
        return None
