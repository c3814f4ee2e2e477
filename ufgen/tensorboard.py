"""Live curves for TensorBoard of every training, once `write_to` has said where."""

import os
from pathlib import Path

import numpy as np

from ufgen.errors import UserError

VARIABLE = "UFGEN_TENSORBOARD"


def write_to(folder: Path) -> None:
    """Write the curves of all trainings from now on below `folder`. Raises UserError."""
    try:
        import tensorboardX  # noqa: F401
    except ImportError:
        raise UserError(
            "--tensorboard needs the package tensorboardX: pip install 'ufgen[tensorboard]'"
        ) from None
    os.environ[VARIABLE] = str(Path(folder).absolute())


class Curves:
    """The curves of one training, called `name`; nothing is written where no folder was named.

    A training that goes on at `step` replaces what was written from there on.
    """

    def __init__(self, name: str, step: int = 0):
        self._writer = None
        if folder := os.environ.get(VARIABLE):
            from tensorboardX import SummaryWriter

            place, suffix = str(Path(folder) / name), f".{step:09d}"
            self._writer = SummaryWriter(place, purge_step=step, filename_suffix=suffix)

    def __call__(self, row: dict) -> None:
        """Add the numbers of a row at its `step`; they can be seen at once."""
        if self._writer is None:
            return
        for name, value in row.items():
            if name != "step" and isinstance(value, int | float | np.number):
                self._writer.add_scalar(name, float(value), row["step"])
        self._writer.flush()

    def picture(self, name: str, path: Path, step: int) -> None:
        """Add a picture file."""
        if self._writer is not None:
            from PIL import Image

            shown = np.asarray(Image.open(path).convert("RGB"))
            self._writer.add_image(name, shown, step, dataformats="HWC")
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
