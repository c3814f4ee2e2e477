"""What a bundle says of image files, videos and a camera, one row at a time."""

import csv
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from classifiers.deploy.overlay import draw
from classifiers.deploy.predictor import Prediction, Predictor
from classifiers.deploy.video import VIDEO_TYPES, UnreadableVideo, Video, Writer, opencv
from ufgen.atomic import atomic_file
from ufgen.errors import UserError
from ufgen.images.decoding import decode

EVERY = 1.0
OF_FRAMES = ("frame", "seconds")
CONSTANT = "this network gives all images the same probability: nothing was learned"


class UnreadableImage(UserError):
    """An image file that cannot be decoded."""


def of_files(predictor: Predictor, files: list[Path], overlays: Path | None, bar) -> Iterator[dict]:
    """Rows of images: path, probability_POSITIVE (the class's name), threshold, predicted; of
    video frames also frame and seconds.

    Pictures with the prediction drawn on them go to the folder `overlays`. What cannot be read is
    named on stderr at the end. `bar` (Progress) counts images and frames. Raises UserError
    if nothing can be read.
    """
    if any(file.suffix.lower() in VIDEO_TYPES for file in files):
        opencv()
    names, notes, answered = _Names(overlays), [CONSTANT] if predictor.constant else [], 0
    for file in files:
        of_one = _of_video if file.suffix.lower() in VIDEO_TYPES else _of_image
        try:
            for found in of_one(predictor, file, names, notes):
                yield {"path": str(file), **found}
                answered += 1
                bar.update()
        except (UnreadableImage, UnreadableVideo) as error:
            notes.append(f"left out: {file}: {error}")
    if not answered:
        raise UserError(f"none of the {len(files)} files could be read; {notes[-1]}")
    bar.close()
    for note in notes:
        print(note, file=sys.stderr)


def of_camera(
    predictor: Predictor, number: int, overlays: Path | None, seconds: float | None
) -> Iterator[str]:
    """One line a second with probability, class and frames a second, until `seconds` are over.

    What the camera shows is recorded in the folder `overlays`, at the camera's own rate.
    """
    video, rate = Video(number), _Rate()
    started = spoken = time.monotonic()
    with Writer(_Names(overlays).free(Path(f"camera_{number}"), ".mp4"), video.rate) as writer:
        for frame in video:
            found = predictor.predict(frame.pixels)
            now = time.monotonic()
            rate.count(now)
            if overlays:
                writer.write(draw(frame.pixels, found, rate.text()))
            if now - spoken >= EVERY:
                spoken = now
                yield f"{now - started:7.1f} s  {found.text()}  {rate.text()}"
            if seconds and now - started >= seconds:
                return


def write(rows: list[dict], out: Path | None) -> None:
    """Write rows as .csv or .json, or print them as CSV with four digits."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if "frame" in columns:
        columns = ["path", "frame", "seconds", *(c for c in columns[1:] if c not in OF_FRAMES)]
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


def _of_image(predictor: Predictor, file: Path, names: "_Names", notes: list) -> Iterator[dict]:
    try:
        picture = decode(file)
    except UserError as error:
        raise UnreadableImage(str(error)) from None
    found = predictor.predict(picture)
    if names.folder:
        Image.fromarray(draw(picture, found)).save(names.free(file, ".png"))
    yield _said(found)


def _of_video(predictor: Predictor, file: Path, names: "_Names", notes: list) -> Iterator[dict]:
    video, rate = Video(file), _Rate()
    with Writer(names.free(file, ".mp4"), video.rate) as writer:
        for frame in video:
            found = predictor.predict(frame.pixels)
            rate.count(time.monotonic())
            if names.folder:
                writer.write(draw(frame.pixels, found, rate.text()))
            yield {"frame": frame.index, "seconds": round(frame.seconds, 3), **_said(found)}
    if video.broken:
        notes.append(
            f"{file}: {video.broken} of {video.frames} frames could not be read: {video.where}"
        )


def _said(found: Prediction) -> dict:
    return {
        f"probability_{found.positive}": found.probability,
        "threshold": found.threshold,
        "predicted": found.label,
    }


def _write_csv(rows: list[dict], columns: list[str], file) -> None:
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


class _Names:
    """Paths in a folder, a new one for each file: those of the same name get a number."""

    def __init__(self, folder: Path | None):
        self.folder, self._taken = folder, set()
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def free(self, file: Path, suffix: str) -> Path:
        name, number = f"{file.stem}{suffix}", 1
        while name in self._taken:
            number += 1
            name = f"{file.stem}_{number}{suffix}"
        self._taken.add(name)
        return (self.folder or Path()) / name


class _Rate:
    """Frames a second over the last second or so."""

    def __init__(self):
        self._times: list[float] = []

    def count(self, now: float) -> None:
        self._times = [t for t in self._times if now - t < EVERY] + [now]

    def text(self) -> str:
        span = self._times[-1] - self._times[0]
        return f"{(len(self._times) - 1) / span:.1f} frames/s" if span else ""
