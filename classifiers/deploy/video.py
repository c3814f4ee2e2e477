"""Frames of a video file or camera, decoded in a background thread; and video files written."""

import os
import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ufgen.errors import UserError

VIDEO_TYPES = {".mp4", ".avi", ".mov", ".mkv", ".webm"}
QUEUE_SIZE = 8
MAX_FAILED_READS = 30
"""Consecutive failed reads after which a video ends."""
DEFAULT_FRAME_RATE = 25.0


class UnreadableVideo(UserError):
    """A video file or camera without a readable frame."""


class Frame(NamedTuple):
    """A frame of a video.

    Attributes:
        number: From 0.
        seconds: Since the start.
        pixels: uint8 (H, W, 3) RGB.
    """

    number: int
    seconds: float
    pixels: np.ndarray


class Video:
    """A video file or a camera. Iterate once over its readable frames.

    A camera's frames are dropped, the oldest first, where they come faster than they are used.

    Args:
        source: A file, or the number of a camera.

    Attributes:
        frames: How many frames the file declares; 0 if unknown.
        rate: Frames per second.
        broken: Number of unreadable frames, set at the end of a file; 0 for cameras and files of
            unknown length.
        where: The numbers of these frames, as text.

    Raises:
        UnreadableVideo: If it cannot be opened; while iterating, if no frame can be read.
    """

    def __init__(self, source: Path | int) -> None:
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
        self.rate = rate if 0 < rate < 1000 else DEFAULT_FRAME_RATE
        self.frames = 0 if self.live else max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self.broken, self.where = 0, ""
        self._failed: list[int] = []

    def __iter__(self) -> Iterator[Frame]:
        frames: queue.Queue[Frame | None] = queue.Queue(QUEUE_SIZE)
        stop, count = threading.Event(), 0
        reader = threading.Thread(target=self._read, args=(frames, stop), daemon=True)
        reader.start()
        try:
            while (frame := frames.get()) is not None:
                count += 1
                yield frame
        finally:
            stop.set()
            reader.join()
            self._capture.release()
        if not count:
            raise UnreadableVideo("holds no readable frame")

    def _read(self, frames: queue.Queue[Frame | None], stop: threading.Event) -> None:
        """Fill the queue; None ends it. Failed reads count as frames, unless too many do."""
        import cv2

        number = failed = 0
        while not stop.is_set() and failed < MAX_FAILED_READS:
            if self.frames and number >= self.frames:
                break
            success, image = self._capture.read()
            failed = 0 if success else failed + 1
            if success:
                seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
                self._put(frames, Frame(number, max(0.0, seconds), rgb), stop)
            else:
                self._failed.append(number)
            number += 1
        if self.frames and not stop.is_set():
            self._count_broken(number)
        self._put(frames, None, stop)

    def _put(
        self, frames: queue.Queue[Frame | None], frame: Frame | None, stop: threading.Event
    ) -> None:
        while not stop.is_set():
            with suppress(queue.Full):
                return frames.put(frame, timeout=0.01 if self.live else 0.1)
            if self.live:
                with suppress(queue.Empty):
                    frames.get_nowait()

    def _count_broken(self, read: int) -> None:
        missing = self.frames - read
        self.broken = len(self._failed) + missing
        numbers = [str(number) for number in self._failed[:MAX_FAILED_READS]]
        self.where = ", ".join(numbers) + (" and all after it" if missing else "")


class Writer:
    """An MP4 file, written frame by frame; a context manager that closes it.

    Args:
        path: The file; it is made with the first frame.
        rate: Frames per second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self.path, self.rate = Path(path), rate
        self._file: Any = None

    def write(self, pixels: np.ndarray) -> None:
        """Append a frame.

        Args:
            pixels: uint8 (H, W, 3) RGB, of the size of the first frame.

        Raises:
            UserError: If the file cannot be written.
        """
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

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.release()


def opencv() -> Any:
    """Import OpenCV with its log silenced.

    Returns:
        The module cv2.

    Raises:
        UserError: If it is not installed.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    try:
        import cv2
    except ModuleNotFoundError:
        raise UserError(
            "videos and cameras need OpenCV, which is not installed: pip install 'ufgen[video]'"
        ) from None
    return cv2
