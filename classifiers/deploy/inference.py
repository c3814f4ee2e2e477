"""Predictions of a bundle for image files, videos and a camera, one row at a time."""

import csv
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from PIL import Image

from classifiers.deploy.overlay import draw
from classifiers.deploy.predictor import Prediction, Predictor
from classifiers.deploy.video import VIDEO_TYPES, UnreadableVideo, Video, Writer, opencv
from ufgen.atomic import atomic_file
from ufgen.errors import UserError
from ufgen.images.decoding import decode
from ufgen.progress import Progress

REPORT_INTERVAL = 1.0  # seconds
FRAME_COLUMNS = ("frame", "seconds")
CONSTANT = "this network gives all images the same probability: nothing was learned"


class UnreadableImage(UserError):
    """An image file that cannot be decoded."""


def of_files(
    predictor: Predictor, files: list[Path], overlays: Path | None, bar: Progress
) -> Iterator[dict]:
    """Predict image and video files; name those that cannot be read on stderr at the end.

    Args:
        predictor: A bundle.
        files: Images and videos.
        overlays: Folder for images and videos with the prediction drawn on them.
        bar: Counts images and frames.

    Yields:
        For each image path, probability_POSITIVE (the class's name), threshold and predicted; for
        each frame of a video also frame and seconds.

    Raises:
        UserError: If nothing can be read.
    """
    if any(file.suffix.lower() in VIDEO_TYPES for file in files):
        opencv()
    names, notes, count = _UniqueNames(overlays), [CONSTANT] if predictor.constant else [], 0
    for file in files:
        of_one = _of_video if file.suffix.lower() in VIDEO_TYPES else _of_image
        try:
            for row in of_one(predictor, file, names, notes):
                yield {"path": str(file), **row}
                count += 1
                bar.update()
        except (UnreadableImage, UnreadableVideo) as error:
            notes.append(f"skipped: {file}: {error}")
    if not count:
        raise UserError(f"none of the {len(files)} files could be read; {notes[-1]}")
    bar.close()
    for note in notes:
        print(note, file=sys.stderr)


def of_camera(
    predictor: Predictor, number: int, overlays: Path | None, seconds: float | None
) -> Iterator[str]:
    """Predict the frames of a camera.

    Args:
        predictor: A bundle.
        number: Of the camera.
        overlays: Folder to record to, at the camera's frame rate, with the prediction drawn on
            each frame.
        seconds: When to stop; None for never.

    Yields:
        A line per second with prediction and frames per second.
    """
    video, rate = Video(number), _FrameRate()
    started = reported = time.monotonic()
    path = _UniqueNames(overlays).path(Path(f"camera_{number}"), ".mp4")
    with Writer(path, video.rate) as writer:
        for frame in video:
            prediction = predictor.predict(frame.pixels)
            now = time.monotonic()
            rate.count(now)
            if overlays:
                writer.write(draw(frame.pixels, prediction, rate.text()))
            if now - reported >= REPORT_INTERVAL:
                reported = now
                yield f"{now - started:7.1f} s  {prediction.text()}  {rate.text()}"
            if seconds and now - started >= seconds:
                return


def write(rows: list[dict], out: Path | None) -> None:
    """Write predictions to a file, or print them as CSV with four digits.

    Args:
        rows: As `of_files` yields them.
        out: A .csv or .json file; None for stdout.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if "frame" in columns:
        columns = ["path", *FRAME_COLUMNS, *(c for c in columns[1:] if c not in FRAME_COLUMNS)]
    if out is None:
        shown = [{k: f"{v:.4f}" if type(v) is float else v for k, v in r.items()} for r in rows]
        _write_csv(shown, columns, sys.stdout)
        return
    with (
        atomic_file(out) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        if out.suffix.lower() == ".json":
            json.dump(rows, file, indent=1, ensure_ascii=False)
        else:
            _write_csv(rows, columns, file)
    print(f"Predictions: {out}")


def _of_image(
    predictor: Predictor, file: Path, names: "_UniqueNames", notes: list[str]
) -> Iterator[dict]:
    try:
        picture = decode(file)
    except UserError as error:
        raise UnreadableImage(str(error)) from None
    prediction = predictor.predict(picture)
    if names.folder:
        Image.fromarray(draw(picture, prediction)).save(names.path(file, ".png"))
    yield _row(prediction)


def _of_video(
    predictor: Predictor, file: Path, names: "_UniqueNames", notes: list[str]
) -> Iterator[dict]:
    video, rate = Video(file), _FrameRate()
    with Writer(names.path(file, ".mp4"), video.rate) as writer:
        for frame in video:
            prediction = predictor.predict(frame.pixels)
            rate.count(time.monotonic())
            if names.folder:
                writer.write(draw(frame.pixels, prediction, rate.text()))
            yield {
                "frame": frame.number,
                "seconds": round(frame.seconds, 3),
                **_row(prediction),
            }
    if video.broken:
        notes.append(
            f"{file}: {video.broken} of {video.frames} frames could not be read: {video.where}"
        )


def _row(prediction: Prediction) -> dict:
    return {
        f"probability_{prediction.positive}": prediction.probability,
        "threshold": prediction.threshold,
        "predicted": prediction.label,
    }


def _write_csv(rows: list[dict], columns: list[str], file: TextIO) -> None:
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


class _UniqueNames:
    """Paths in a folder; files of the same name get a number."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._used: set[str] = set()
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def path(self, file: Path, suffix: str) -> Path:
        name, number = f"{file.stem}{suffix}", 1
        while name in self._used:
            number += 1
            name = f"{file.stem}_{number}{suffix}"
        self._used.add(name)
        return (self.folder or Path()) / name


class _FrameRate:
    """Frames per second over the last second or so."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def count(self, now: float) -> None:
        self._times = [t for t in self._times if now - t < REPORT_INTERVAL] + [now]

    def text(self) -> str:
        span = self._times[-1] - self._times[0]
        return f"{(len(self._times) - 1) / span:.1f} frames/s" if span else ""
