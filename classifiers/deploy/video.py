"""Frames of a video file or camera, decoded in a thread of their own; and videos written."""

import os
import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ufgen.errors import UserError

VIDEO_TYPES = {".mp4", ".avi", ".mov", ".mkv", ".webm"}
WAITING = 8
GIVE_UP = 30
USUAL_RATE = 25.0


class UnreadableVideo(UserError):
    """A video file or camera that shows nothing."""


class Frame(NamedTuple):
    """`index` from 0, `seconds` since the start, `pixels` uint8 (H, W, 3) RGB."""

    index: int
    seconds: float
    pixels: np.ndarray


class Video:
    """A video file, or the camera with this number. Iterate once over its readable frames.

    `frames` is how many the file announces (0: unknown), `rate` frames a second; `broken`, filled
    while iterating, says how many could not be read, `where` names them. Of a camera, frames that
    come faster than they are taken are dropped, the oldest first. Raises UnreadableVideo
    where nothing can be opened, and when it is over without one readable frame.
    """

    def __init__(self, source: Path | int):
        cv2 = opencv()
        self.source, self.live = source, isinstance(source, int)
        self._capture = cv2.VideoCapture(source if self.live else str(source))
        if not self._capture.isOpened():
            self._capture.release()
            raise UnreadableVideo(
                f"there is no camera {source}, or another program uses it"
                if self.live
                else "cannot be read as a video: the file is damaged, or of another type"
            )
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate < 1000 else USUAL_RATE
        self.frames = 0 if self.live else max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self.broken, self.where = 0, ""
        self._missed: list[int] = []

    def __iter__(self) -> Iterator[Frame]:
        waiting, stop, taken = queue.Queue(WAITING), threading.Event(), 0
        reader = threading.Thread(target=self._read, args=(waiting, stop), daemon=True)
        reader.start()
        try:
            while (frame := waiting.get()) is not None:
                taken += 1
                yield frame
        finally:
            stop.set()
            reader.join()
            self._capture.release()
        if not taken:
            raise UnreadableVideo("holds no readable frame")

    def _read(self, waiting: queue.Queue, stop: threading.Event) -> None:
        """Fill the queue; None ends it. Reads that fail count as frames, until too many do."""
        import cv2

        index = failed = 0
        while not stop.is_set() and failed < GIVE_UP and not (self.frames and index >= self.frames):
            found, image = self._capture.read()
            failed = 0 if found else failed + 1
            if found:
                seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
                self._put(waiting, Frame(index, max(0.0, seconds), rgb), stop)
            else:
                self._missed.append(index)
            index += 1
        if self.frames and not stop.is_set():
            self._count_broken(index)
        self._put(waiting, None, stop)

    def _put(self, waiting: queue.Queue, frame: Frame | None, stop: threading.Event) -> None:
        while not stop.is_set():
            with suppress(queue.Full):
                return waiting.put(frame, timeout=0.01 if self.live else 0.1)
            if self.live:
                with suppress(queue.Empty):
                    waiting.get_nowait()

    def _count_broken(self, index: int) -> None:
        after = self.frames - index
        self.broken = len(self._missed) + after
        names = [str(missed) for missed in self._missed[:GIVE_UP]]
        self.where = ", ".join(names) + (" and all after it" if after else "")


class Writer:
    """An MP4 file, written frame by frame: uint8 (H, W, 3) RGB, all of the size of the first."""

    def __init__(self, path: Path, rate: float):
        self.path, self.rate = Path(path), rate
        self._file = None

    def write(self, pixels: np.ndarray) -> None:
        """Append a frame. Raises UserError if the file cannot be written."""
        cv2 = opencv()
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            size = pixels.shape[1::-1]
            code = cv2.VideoWriter_fourcc(*"mp4v")
            self._file = cv2.VideoWriter(str(self.path), code, self.rate, size)
            if not self._file.isOpened():
                raise UserError(f"{self.path} cannot be written as a video")
        self._file.write(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *error) -> None:
        if self._file is not None:
            self._file.release()


def opencv():
    """The module cv2, told to be quiet. Raises UserError if it is not installed."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    try:
        import cv2
    except ModuleNotFoundError:
        raise UserError(
            "videos and cameras need OpenCV, which is not installed: pip install 'ufgen[video]'"
        ) from None
    return cv2
