"""Prepared sets: a copy of an image set with the overlays gone, which names every original."""

import hashlib
import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, PngImagePlugin

import ufgen
from ufgen.atomic import atomic_file, write_text
from ufgen.errors import UserError
from ufgen.images.decoding import decode
from ufgen.images.image_set import UNNAMED, ImageSet
from ufgen.preparation import before_after
from ufgen.preparation.recipe import VERSION, Preparation
from ufgen.progress import Progress

RECIPE, MANIFEST, SHEET, IMAGES = "recipe.json", "manifest.csv", "before_after.png", "images"
MARK = "ufgen-preparation"  # the text in a PNG that says of what and how it was made
COLUMNS = ["path", "label", "split", "group", "source", "original"]


@dataclass(frozen=True)
class PreparedSet:
    """What was prepared.

    Attributes:
        folder: Holds `images/`, `manifest.csv`, `recipe.json` and `before_after.png`.
        table: The rows of the manifest.
        made: The number of images that were prepared now; the others were finished before.
        quarantine: The unreadable images: path, label, split, reason.
    """

    folder: Path
    table: pd.DataFrame
    made: int
    quarantine: pd.DataFrame


def write_prepared_set(
    images: ImageSet,
    out: Path,
    preparation: Preparation,
    dropped: Iterable[str] = (),
    show_progress: bool = True,
) -> PreparedSet:
    """Prepare an image set into a folder of its own; the originals are only read.

    A picture that is finished, of the same original and steps, is not made again. Pictures that
    belong to the set no longer are removed, by the list in `recipe.json`.

    Args:
        images: The originals.
        out: A folder that is new, empty, or a prepared set.
        preparation: The steps.
        dropped: Absolute paths of images to leave out.
        show_progress: Show a progress bar.

    Returns:
        The prepared set.

    Raises:
        UserError: Where `out` and the originals lie within each other, `out` holds something else,
            or no image can be read.
    """
    out = Path(out).absolute()
    _check_apart(images, out)
    earlier = _earlier(out)
    leave_out = set(dropped)
    images = images.select(~images.table["path"].isin(leave_out).to_numpy())
    if not len(images):
        raise UserError("all images are dropped: expected some to be left")
    rows = images.table.assign(original=images.relative()["path"])
    rows["prepared"] = [f"{IMAGES}/{name}" for name in _names(rows["original"])]
    header = {"version": VERSION, "ufgen": ufgen.__version__, "steps": list(preparation.steps)}
    if not earlier:
        write_text(out / RECIPE, json.dumps(header | {"finished": False, "files": {}}))

    def prepare(row: dict[str, str]) -> tuple[str, bool] | str:
        """The hash of the original, and whether the picture was made; or why there is none."""
        try:
            return _prepare_one(row["path"], out / row["prepared"], preparation)
        except UserError as error:
            return str(error)

    records = rows.to_dict("records")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        bar = Progress(
            pool.map(prepare, records),
            total=len(records),
            desc="preparing images",
            unit="img",
            disable=not show_progress,
        )
        results = list(bar)
    reasons = [result if isinstance(result, str) else "" for result in results]
    broken = np.array([reason != "" for reason in reasons])
    quarantine = images.table[["path", "label", "split"]].assign(reason=reasons)[broken]
    if broken.all():
        raise UserError(
            f"none of the {len(images)} images could be read; the first, "
            f"{quarantine['path'].iloc[0]}: {reasons[0]}"
        )
    table = rows[~broken].reset_index(drop=True)
    done = [result for result in results if not isinstance(result, str)]
    files = {
        row["prepared"]: {"original": row["original"], "sha256": sha256}
        for row, (sha256, _) in zip(table.to_dict("records"), done, strict=True)
    }
    for name in set(earlier) - set(files):
        _remove(out, name)
    before_after.write_sheet(out / SHEET, list(table["path"]), preparation)
    manifest = _manifest(table)
    with atomic_file(out / MANIFEST) as temporary:
        manifest.to_csv(temporary, index=False)
    counts = {"images": len(table), "dropped": len(leave_out), "unreadable": int(broken.sum())}
    content = header | {"finished": True, "counts": counts, "files": files}
    write_text(out / RECIPE, json.dumps(content, indent=1))
    return PreparedSet(
        out, manifest, sum(made for _, made in done), quarantine.reset_index(drop=True)
    )


def _prepare_one(path: str, target: Path, preparation: Preparation) -> tuple[str, bool]:
    """Prepare a picture unless it is finished; the hash of the file, and whether it was made."""
    if not Path(path).is_file():  # says why
        decode(path)
    sha256 = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    mark = f"{sha256} {preparation.key}"
    if _mark(target) == mark:
        return sha256, False
    picture = preparation.apply(decode(path), path)
    info = PngImagePlugin.PngInfo()
    info.add_text(MARK, mark)
    with atomic_file(target) as temporary:
        Image.fromarray(picture).save(temporary, "png", pnginfo=info)
    return sha256, True


def _mark(target: Path) -> str:
    """Of what and how a finished picture was made; "" where there is none."""
    try:
        with Image.open(target) as file:
            return str(file.info.get(MARK, ""))
    except (OSError, SyntaxError):
        return ""


def _names(originals: Iterable[str]) -> list[str]:
    """A PNG for each original: .png for its suffix, or after it where two would be the same."""
    paths = [
        Path(*(part for part in Path(one).parts if part not in ("..", "/"))) for one in originals
    ]
    names = [path.with_suffix(".png").as_posix() for path in paths]
    folded = [name.casefold() for name in names]
    return [
        name if folded.count(name.casefold()) == 1 else f"{path.as_posix()}.png"
        for name, path in zip(names, paths, strict=True)
    ]


def _manifest(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of an image set with paths within the prepared set, and `original`."""
    unnamed = table["group"].str.startswith(UNNAMED)
    manifest = table.assign(path=table["prepared"], group=table["group"].mask(unnamed, ""))
    return manifest[COLUMNS]


def _check_apart(images: ImageSet, out: Path) -> None:
    """Raise UserError if `out` lies among the originals, or these in `out`."""
    resolved = out.resolve()
    for folder in sorted({str(Path(path).parent.resolve()) for path in images.table["path"]}):
        if resolved.is_relative_to(folder) or Path(folder).is_relative_to(resolved):
            raise UserError(
                f"--out {out} and the originals in {folder} lie within each other: name a folder "
                "elsewhere, as prepared images must not be read as originals"
            )
    common = os.path.commonpath([Path(path).parent.resolve() for path in images.table["path"]])
    if resolved.is_relative_to(common):
        raise UserError(
            f"--out {out} is inside of {common}, which holds the originals: name a folder elsewhere"
        )


def _earlier(out: Path) -> dict[str, dict]:
    """The files of the prepared set in `out`; UserError if it holds anything else."""
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file: expected a folder, new or a prepared set")
    if not out.exists() or not any(out.iterdir()):
        return {}
    try:
        return dict(json.loads((out / RECIPE).read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"--out {out} is not empty, and no prepared set: name a new folder, or empty that one"
        ) from None


def _remove(out: Path, name: str) -> None:
    """Remove a picture of an earlier preparation, if it is one that was made here."""
    path = (out / name).resolve()
    if path.is_relative_to((out / IMAGES).resolve()) and _mark(path):
        path.unlink()
