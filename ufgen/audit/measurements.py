"""What an audit measures on each image, in one pass: parallel, restartable, in flat memory.

The images are measured in chunks. A finished chunk is a file of the cache, named by its files
(path, size, time of change) and by the code that measured it: after an interruption, and where
only some files changed, the other chunks are read back.
"""

import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from ufgen import provenance
from ufgen.atomic import atomic_file
from ufgen.errors import UserError
from ufgen.images.decoding import decode, hash_pixels
from ufgen.images.image_set import ImageSet
from ufgen.images.pixel_store import cache_folder
from ufgen.progress import Progress

THUMBNAIL = 64
CHUNK = 128
FEW = 256  # images: for fewer, processes take longer to start than they save

Measure = Callable[[str, np.ndarray], dict[str, Any]]


@dataclass(frozen=True)
class Measurements:
    """The measured images; all attributes but `quarantine` have their rows in the same order.

    Attributes:
        images: The readable images, with the hashes of their pixels.
        table: One row per image: the columns that the functions of `measured` return.
        thumbnails: The whole images, squeezed to a square without regard to their aspect, grey:
            uint8 (N, 64, 64), memory-mapped.
        arrays: Other arrays of one row per image, by name: `features` (float32, (N, 60), the
            texture features of the thumbnail).
        quarantine: The unreadable images: path, label, split and reason.
    """

    images: ImageSet
    table: pd.DataFrame
    thumbnails: np.ndarray
    arrays: dict[str, np.ndarray]
    quarantine: pd.DataFrame


def measured() -> tuple[Measure, ...]:
    """List what is measured on each image.

    Returns:
        Functions that are given (path, picture), the picture as `decoding.decode` returns it, and
        return numbers or texts by name.
    """
    from ufgen.audit.duplicates import perceptual_hashes
    from ufgen.audit.quality import image_quality
    from ufgen.audit.shortcuts import file_measures
    from ufgen.preparation import overlay_measure

    return (
        file_measures.measure,
        perceptual_hashes.measure,
        image_quality.measure,
        overlay_measure.measure,
    )


def measure(images: ImageSet) -> Measurements:
    """Measure every image, or read from the cache what was measured before.

    Args:
        images: The images to measure.

    Returns:
        The measurements of the readable ones.

    Raises:
        UserError: Where none can be read, or worker processes end abruptly.
    """
    chunks = _chunks(images)
    folder = cache_folder() / "audit"
    files = [folder / f"{key}.npz" for key in keys(images)]
    missing = [i for i, file in enumerate(files) if not file.is_file()]
    with _workers(sum(len(chunks[i]) for i in missing)) as submit:
        futures = [submit(_measure_chunk, chunks[i], files[i]) for i in missing]
        _wait(futures, [len(chunks[i]) for i in missing])
    return _joined(images, files)


def _chunks(images: ImageSet) -> list[list[str]]:
    paths = list(images.table["path"])
    return [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]


def keys(images: ImageSet) -> list[str]:
    """Name the chunks of an image set.

    Args:
        images: The images.

    Returns:
        For each chunk a hash of its files (path, size, time of change) and of the code that
        measures them.
    """
    return [_chunk_key(chunk) for chunk in _chunks(images)]


def _chunk_key(paths: list[str]) -> str:
    """A hash of the files and of the code that measures them."""
    code = provenance.versions("measuring", "ufgen.audit.measurements")
    stats = [(path, *_stat(path)) for path in paths]
    return hashlib.sha256(json.dumps([code, stats]).encode()).hexdigest()[:32]


def _stat(path: str) -> tuple[int, int]:
    """Size and time of change of a file, or of the archive that it is in; (0, 0) without one."""
    for place in (Path(path), *Path(path).parents):
        try:
            found = place.stat()
        except OSError:
            continue
        return (found.st_size, found.st_mtime_ns) if place.is_file() else (0, 0)
    return (0, 0)


@contextmanager
def _workers(count: int) -> Iterator[Callable[..., Future]]:
    """A function that submits calls: to processes, or to this one where there are few images."""
    if count < FEW or (os.cpu_count() or 1) < 2:
        yield _called_later
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(mp_context=context, initializer=_ignore_ctrl_c)
    try:
        yield pool.submit
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ignore_ctrl_c() -> None:
    """In a worker: the parent ends it; finished chunks are on disk."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Call(Future):
    """A call that is made where its result is asked for."""

    def __init__(self, function: Callable, *arguments: Any) -> None:
        super().__init__()
        self.call = partial(function, *arguments)

    def result(self, timeout: float | None = None) -> Any:
        return self.call()


def _called_later(function: Callable, *arguments: Any) -> Future:
    return _Call(function, *arguments)


def _wait(futures: list[Future], sizes: list[int]) -> None:
    """Wait for chunks, with a bar of images."""
    size = dict(zip(futures, sizes, strict=True))
    called = bool(futures) and isinstance(futures[0], _Call)
    with Progress(
        total=sum(sizes), desc="measuring images", unit="img", leave=False, disable=not futures
    ) as bar:
        for future in futures if called else as_completed(futures):
            try:
                future.result()
            except BrokenProcessPool:
                raise UserError(
                    "a process that measured images ended abruptly, perhaps for lack of memory: "
                    "run the command again, and it goes on where it stopped"
                ) from None
            bar.update(size[future])


def _measure_chunk(paths: list[str], file: Path) -> None:
    """Measure images and write the chunk's file."""
    from ufgen.fidelity.feature_extractors import texture

    rows: list[dict[str, Any]] = []
    reasons: list[str] = []
    thumbnails = np.zeros((len(paths), THUMBNAIL, THUMBNAIL), np.uint8)
    features = np.zeros((len(paths), 60), np.float32)
    texture_of = texture().function
    for i, path in enumerate(paths):
        try:
            picture = decode(path)
            row = {"sha256": hash_pixels(picture)}
            for function in measured():
                row |= function(path, picture)
            thumbnails[i] = thumbnail(picture)
            features[i] = texture_of(thumbnails[i][None, ..., None])[0]
            rows.append(row)
            reasons.append("")
        except (UserError, OSError) as error:
            rows.append({})
            reasons.append(str(error))
    table = pd.DataFrame(rows, index=range(len(paths)))
    with atomic_file(file) as temporary:
        np.savez(
            temporary,
            thumbnails=thumbnails,
            features=features,
            reasons=np.array(reasons, dtype=str),
            table=np.array(table.to_json(orient="split", double_precision=12)),
        )


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """Squeeze a picture to a small grey square.

    Args:
        picture: uint8 (H, W) or (H, W, 3).

    Returns:
        uint8 (64, 64), antialiased.

    Example:
        >>> thumbnail(np.full((20, 40), 7, "uint8")).shape
        (64, 64)
    """
    grey = Image.fromarray(picture).convert("L")
    return np.asarray(grey.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC))


def _joined(images: ImageSet, files: list[Path]) -> Measurements:
    """The measurements of all chunks; thumbnails go to one file of the cache, and stay there."""
    tables, reasons, features = [], [], []
    for file in files:
        with np.load(file, allow_pickle=False) as chunk:
            readable = chunk["reasons"] == ""
            reasons += chunk["reasons"].tolist()
            content = json.loads(str(chunk["table"]))
            features.append(chunk["features"][readable])
        if readable.any():
            tables.append(pd.DataFrame(content["data"], columns=content["columns"])[readable])
    broken = np.array([reason != "" for reason in reasons], bool)
    if broken.all():
        raise UserError(
            f"none of the {len(images)} images could be read; the first, "
            f"{images.table['path'].iloc[0]}: {reasons[0]}"
        )
    table = pd.concat(tables, ignore_index=True)
    quarantine = images.table[["path", "label", "split"]].assign(reason=reasons)[broken]
    chosen = images.select(~broken)
    chosen = replace(chosen, table=chosen.table.assign(sha256=table.pop("sha256").to_numpy()))
    return Measurements(
        chosen,
        table,
        _thumbnails(files, len(chosen)),
        {"features": np.concatenate(features)},
        quarantine.reset_index(drop=True),
    )


def _thumbnails(files: list[Path], count: int) -> np.ndarray:
    """The thumbnails of all chunks, memory-mapped: (count, 64, 64)."""
    key = hashlib.sha256("".join(file.stem for file in files).encode()).hexdigest()[:32]
    joined = files[0].with_name(f"{key}.npy")
    if not joined.is_file():
        with atomic_file(joined) as temporary:
            shape = (count, THUMBNAIL, THUMBNAIL)
            array = np.lib.format.open_memmap(temporary, "w+", np.uint8, shape)
            start = 0
            for file in files:
                with np.load(file, allow_pickle=False) as chunk:
                    readable = chunk["thumbnails"][chunk["reasons"] == ""]
                array[start : start + len(readable)] = readable
                start += len(readable)
            array.flush()
            del array
    return np.load(joined, mmap_mode="r", allow_pickle=False)
