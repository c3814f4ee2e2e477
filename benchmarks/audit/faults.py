"""Faults to plant in a clean image set, each with the findings that count as its discovery.

A fault is a function that is given a table (path, label, split, group; absolute paths in a folder
of its own) and a random generator, changes files and rows, and returns the table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

Build = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]
FAULTS: list["Fault"] = []
DUPLICATES = (
    "near-duplicates-across-splits",
    "near-duplicates-across-groups",
    "exact-duplicates",
)


@dataclass(frozen=True)
class Fault:
    """A fault, the findings of which one must be made, and whether groups and files are given."""

    name: str
    build: Build
    expected: tuple[str, ...]
    grouped: bool = True
    easy: bool = False


def fault(*expected: str, grouped: bool = True, easy: bool = False) -> Callable[[Build], Build]:
    def register(build: Build) -> Build:
        FAULTS.append(Fault(build.__name__, build, expected, grouped, easy))
        return build

    return register


def read(path: str) -> Image.Image:
    with Image.open(path) as file:
        return file.convert("RGB" if file.mode != "L" else "L").copy()


def save(picture: Image.Image, path: str, **options: object) -> None:
    """Write a file anew: the file at this path may be linked to that of the clean set."""
    Path(path).unlink(missing_ok=True)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **({"quality": 90} | options if path.endswith(".jpg") else options))


def rows(table: pd.DataFrame, count: int, rng: np.random.Generator, **where: str) -> pd.DataFrame:
    """Random rows whose columns have these values."""
    chosen = np.ones(len(table), bool)
    for column, value in where.items():
        chosen &= (table[column] == value).to_numpy()
    return table[chosen].iloc[rng.permutation(int(chosen.sum()))[:count]]


def change(table: pd.DataFrame, edit: Callable[[Image.Image], Image.Image]) -> None:
    for path in table["path"]:
        save(edit(read(path)), path)


def copies(
    table: pd.DataFrame, rng: np.random.Generator, edit: Callable[[Image.Image], Image.Image]
) -> pd.DataFrame:
    """Changed copies of 10 training images take the place of test images of their class."""
    for row in rows(table, 10, rng, split="train").to_dict("records"):
        (target,) = rows(table, 1, rng, split="test", label=row["label"])["path"]
        save(edit(read(row["path"])), target)
    return table


@fault(*DUPLICATES)
def exact_duplicate(table, rng):
    for row in rows(table, 10, rng, split="train").to_dict("records"):
        (target,) = rows(table, 1, rng, split="test", label=row["label"])["path"]
        content = Path(row["path"]).read_bytes()
        Path(target).unlink()
        Path(target).write_bytes(content)
    return table


@fault(*DUPLICATES)
def reencoded_copy(table, rng):
    return copies(table, rng, lambda picture: picture)


@fault(*DUPLICATES)
def resized_copy(table, rng):
    return copies(table, rng, lambda p: p.resize((p.width * 3 // 2, p.height * 3 // 2)))


@fault(*DUPLICATES)
def cropped_copy(table, rng):
    return copies(table, rng, lambda p: p.crop((6, 6, p.width - 6, p.height - 6)).resize(p.size))


@fault(*DUPLICATES)
def shifted_copy(table, rng):
    def shift(picture):
        return Image.fromarray(np.roll(np.asarray(picture), (4, 5), (0, 1)))

    return copies(table, rng, shift)


@fault(*DUPLICATES)
def flipped_copy(table, rng):
    return copies(table, rng, lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT))


@fault(*DUPLICATES)
def rotated_copy(table, rng):
    return copies(table, rng, lambda p: p.rotate(8, Image.Resampling.BICUBIC))


@fault(*DUPLICATES)
def brighter_copy(table, rng):
    return copies(table, rng, lambda p: p.point(lambda v: min(255, int(v * 1.3 + 8))))


@fault(*DUPLICATES)
def augmented_copy(table, rng):
    def augment(picture):
        turned = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).rotate(
            float(rng.uniform(-7, 7)), Image.Resampling.BICUBIC
        )
        pixels = np.asarray(turned, float) * rng.uniform(0.85, 1.15)
        noisy = pixels + rng.normal(0, 4, pixels.shape)
        return Image.fromarray(np.clip(noisy, 0, 255).astype("uint8"))

    return copies(table, rng, augment)


@fault("conflicting-labels")
def conflicting_labels(table, rng):
    for row in rows(table, 10, rng, split="train", label="NUF").to_dict("records"):
        (target,) = rows(table, 1, rng, split="train", label="UF")["path"]
        save(read(row["path"]), target)
    return table


@fault("group-across-splits")
def patient_on_both_sides(table, rng):
    moved = rows(table.drop_duplicates("group"), 5, rng, split="train")["group"]
    of_each = table[table["group"].isin(moved) & table["group"].duplicated()].index
    return table.assign(split=table["split"].mask(table.index.isin(of_each), "test"))


@fault("proposed-group-across-splits", "groups-not-given", grouped=False)
def study_counter_on_both_sides(table, rng):
    moved = rows(table.drop_duplicates("group"), 40, rng, split="train")["group"]
    of_each = table[table["group"].isin(moved) & table["group"].duplicated()]
    return relocate(table, of_each.index, split="test")


@fault("adjacent-numbers-across-splits", grouped=False)
def adjacent_acquisition_numbers(table, rng):
    """Consecutive numbers of one patient, which the name does not tell, on both sides."""
    table = table.sort_values(["group", "path"], ignore_index=True)
    split = np.where(rng.random(len(table)) < 0.3, "test", "train")
    renamed = [f"{number:06d}.jpg" for number in range(1, len(table) + 1)]
    return relocate(table.assign(name=renamed, to=split), table.index)


def relocate(table: pd.DataFrame, index: pd.Index, split: str = "") -> pd.DataFrame:
    """Move files to the folder of another split, or under the names and splits of the table."""
    table = table.copy()
    for i in index:
        old = Path(table.at[i, "path"])
        to = split or table.at[i, "to"]
        new = old.parents[2] / to / old.parent.name / (old.name if split else table.at[i, "name"])
        old.rename(new)
        table.loc[i, ["path", "split"]] = [str(new), to]
    return table[["path", "label", "split", "group"]]
