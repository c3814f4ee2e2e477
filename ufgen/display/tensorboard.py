"""Training curves for TensorBoard, written while a network is trained."""

import os
import time
from numbers import Real
from pathlib import Path
from typing import Any

from ufgen.errors import UserError

VARIABLE = "UFGEN_TENSORBOARD"
AXES = ("step", "kimg")


def enable_tensorboard(folder: Path) -> None:
    """Write the curves of all training runs from now on, also of child processes.

    Args:
        folder: The log folder; each run writes into a subfolder.

    Raises:
        UserError: Where tensorboardX is missing, or `folder` is a file.
    """
    try:
        import tensorboardX  # noqa: F401
    except ImportError:
        raise UserError(
            "--tensorboard needs the package tensorboardX: pip install 'ufgen[tensorboard]'"
        ) from None
    if Path(folder).is_file():
        raise UserError(f"--tensorboard {folder} is a file: expected a folder, which may be new")
    Path(folder).mkdir(parents=True, exist_ok=True)
    os.environ[VARIABLE] = str(Path(folder).absolute())


class Curves:
    """The curves of one training run; a no-op unless `enable_tensorboard` was called.

    Args:
        name: The subfolder of the run. Curves of an earlier run of this name are replaced.
    """

    def __init__(self, name: str) -> None:
        folder = os.environ.get(VARIABLE)
        self._folder = Path(folder) / name if folder else None
        self._writer: Any = None
        self._rows: list[dict] = []
        self._image_steps: set[int] = set()

    def __call__(self, row: dict) -> None:
        """Write the metrics of a step at once.

        Args:
            row: `step` and metrics by name; what is not a number is left out.
        """
        numbers = {
            name: float(value)
            for name, value in row.items()
            if name not in AXES and isinstance(value, Real)
        }
        values = [{"tag": name, "simple_value": value} for name, value in numbers.items()]
        self._write(values, row["step"])

    def write_new_rows(self, rows: list[dict], images: dict[Path, int]) -> None:
        """Write the rows and images that are new since the last call.

        Where `rows` do not continue those of the last call, as after a divergence or in a new
        process, all are written again, so that TensorBoard shows each row once.

        Args:
            rows: The metrics of the run so far, as for `__call__`.
            images: PNG files and their steps; files that do not exist are left out.
        """
        if self._folder is None:
            return
        if rows[: len(self._rows)] != self._rows:
            self._begin(self._folder)
        for row in rows[len(self._rows) :]:
            self(row)
        for path, step in images.items():
            if step not in self._image_steps and path.is_file():
                self._write([{"tag": "synthetic_images", "image": _image(path)}], step)
        self._rows, self._image_steps = list(rows), {*self._image_steps, *images.values()}

    def close(self) -> None:
        """Close the file of events."""
        if self._writer is not None:
            self._writer.close()

    def _begin(self, folder: Path) -> None:
        """Start a file in place of older ones; an open page drops what it read from them."""
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        self.close()
        self._rows, self._image_steps = [], set()
        folder.mkdir(parents=True, exist_ok=True)
        for older in folder.glob("events.out.tfevents.*"):
            older.unlink()
        self._writer = EventsWriter(str(folder / "events"), f".{time.time_ns()}")
        start = SessionLog(status=SessionLog.START)
        self._writer.write_event(Event(step=0, wall_time=time.time(), session_log=start))

    def _write(self, values: list[dict], step: int) -> None:
        """Write one event to disk at once, without the thread and queue of SummaryWriter."""
        if self._folder is None:
            return
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary

        if self._writer is None:
            self._begin(self._folder)
        summary = Summary(value=[Summary.Value(**value) for value in values])
        self._writer.write_event(Event(step=step, wall_time=time.time(), summary=summary))
        self._writer.flush()


def _image(path: Path) -> Any:
    """The protocol buffer of a PNG file."""
    from PIL import Image
    from tensorboardX.proto.summary_pb2 import Summary

    with Image.open(path) as file:
        width, height = file.size
    return Summary.Image(
        height=height, width=width, colorspace=3, encoded_image_string=path.read_bytes()
    )
