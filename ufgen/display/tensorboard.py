"""Live curves for TensorBoard of every training, once `write_to` has said where."""

import os
import time
from numbers import Real
from pathlib import Path

from ufgen.errors import UserError

VARIABLE = "UFGEN_TENSORBOARD"
AXES = ("step", "kimg")


def write_to(folder: Path) -> None:
    """Write the curves of all trainings from now on below `folder`. Raises UserError."""
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
    """The curves of one training, called `name`; nothing is written where no folder was named.

    Whatever an earlier training left under that name is replaced.
    """

    def __init__(self, name: str):
        folder = os.environ.get(VARIABLE)
        self._place = Path(folder) / name if folder else None
        self._writer, self._rows, self._pictured = None, [], set()

    def __call__(self, row: dict) -> None:
        """Add the numbers of a row at its `step`; they can be seen at once."""
        numbers = {
            name: float(value)
            for name, value in row.items()
            if name not in AXES and isinstance(value, Real)
        }
        values = [{"tag": name, "simple_value": value} for name, value in numbers.items()]
        self._write(values, row["step"])

    def show(self, rows: list[dict], pictures: dict[Path, int]) -> None:
        """Add those of `rows`, and of the PNG files with their steps, that are new.

        Where `rows` do not go on from those of the last call, as after a breakdown or in a new
        process, all are written again: what is shown is `rows`, each once.
        """
        if self._place is None:
            return
        if rows[: len(self._rows)] != self._rows:
            self._begin()
        for row in rows[len(self._rows) :]:
            self(row)
        for path, step in pictures.items():
            if step not in self._pictured and path.is_file():
                self._write([{"tag": "synthetic_images", "image": _image(path)}], step)
        self._rows, self._pictured = list(rows), {*self._pictured, *pictures.values()}

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _begin(self) -> None:
        """Start a file in place of older ones; an open page forgets what it knew of them."""
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        self.close()
        self._rows, self._pictured = [], set()
        self._place.mkdir(parents=True, exist_ok=True)
        for older in self._place.glob("events.out.tfevents.*"):
            older.unlink()
        self._writer = EventsWriter(str(self._place / "events"), f".{time.time_ns()}")
        start = SessionLog(status=SessionLog.START)
        self._writer.write_event(Event(step=0, wall_time=time.time(), session_log=start))

    def _write(self, values: list[dict], step: int) -> None:
        """One event, on disk when this returns: no thread or queue of SummaryWriter between."""
        if self._place is None:
            return
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary

        if self._writer is None:
            self._begin()
        summary = Summary(value=[Summary.Value(**value) for value in values])
        self._writer.write_event(Event(step=step, wall_time=time.time(), summary=summary))
        self._writer.flush()


def _image(path: Path):
    from PIL import Image
    from tensorboardX.proto.summary_pb2 import Summary

    with Image.open(path) as picture:
        width, height = picture.size
    return Summary.Image(
        height=height, width=width, colorspace=3, encoded_image_string=path.read_bytes()
    )
