"""What each probe looks at: columns of measurements, turned into a basis for its small model."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ufgen.audit.measurements import Measurements
from ufgen.audit.shortcuts.probe_basis import hats, indicators

MOST_NUMBERS = 6
RING, SEGMENTS = 2, 8
"""Depth of the ring of a thumbnail in pixels (3 % of a side), and its segments on each side."""
DENSE, DENSE_OF_ITS_OWN = 0.8, 0.05
SHARED_NAMES = 0.05


@dataclass(frozen=True)
class Probe:
    """Something that must not tell classes apart.

    Attributes:
        name: Its name: a finding is called "shortcut-" and this.
        what: What it looks at, in words.
        columns: The columns of the measurements' table that it uses; none where it looks at file
            names or thumbnails.
        why: Why it may tell the classes apart though the organ does not.
        advice: What to do.
    """

    name: str
    what: str
    columns: tuple[str, ...]
    why: str
    advice: str


RE_ENCODE = "Convert all images from their originals in one way, and write them in one format"
CROP = "Crop all images to the scanned sector in one way, or collect both classes anew"
NORMALISE = "Look at the images of either class: a different gain, or what the disease looks like?"
COLLECT = "Find out where the images of each class come from, and compare within one source"
CLEAN = "Use images without marks, or remove the marks in all classes alike"
PROBES = (
    Probe(
        "file-numbers",
        "the numbers in file names",
        (),
        "The classes were collected at other times or places, and scanners differ with them",
        COLLECT,
    ),
    Probe(
        "file-size",
        "the size of the files",
        ("bytes",),
        "The classes were compressed or exported in different ways",
        RE_ENCODE,
    ),
    Probe(
        "compression",
        "the format and the JPEG tables of the files",
        ("format", "jpeg_tables"),
        "The classes were saved by different programs, whose traces a network can see",
        RE_ENCODE,
    ),
    Probe(
        "metadata",
        "the metadata of the files",
        ("metadata",),
        "The classes passed through different devices or programs",
        COLLECT,
    ),
    Probe(
        "image-size",
        "the width, height and aspect ratio of the images",
        ("width", "height", "aspect"),
        "The classes come from different devices, and resizing leaves traces",
        COLLECT,
    ),
    Probe(
        "brightness",
        "the mean and contrast of the outer parts of the images",
        ("outer_mean", "outer_contrast"),
        "The classes were scanned with another gain, unless the disease changes the whole image",
        NORMALISE,
    ),
    Probe(
        "borders",
        "the outermost 3 % of the images",
        (),
        "The classes were cropped or framed in different ways, or come from different devices",
        CROP,
    ),
    Probe(
        "overlays",
        "burned-in text and caliper marks",
        ("text_area", "text_boxes", "caliper_area"),
        "Whoever found a lesion measured it: the marks tell the class",
        CLEAN,
    ),
    Probe(
        "colour",
        "the coloured fraction of the images",
        ("colour",),
        "Doppler is switched on where something was found",
        "Leave out the colour images, or have them in all classes alike",
    ),
)


def values_of(probe: Probe, measurements: Measurements) -> pd.DataFrame:
    """Gather what a probe looks at.

    Args:
        probe: One of `PROBES`.
        measurements: The measured images.

    Returns:
        One row per image, one column for each value that was measured and differs between images;
        no column where the probe does not apply.
    """
    if probe.name == "file-numbers":
        values = name_numbers(measurements.images.table)
    elif probe.name == "borders":
        values = ring_values(measurements.thumbnails)
    else:
        there = [column for column in probe.columns if column in measurements.table]
        values = measurements.table[there].reset_index(drop=True)
    return values.loc[:, [values[column].nunique(dropna=False) > 1 for column in values]]


def basis_of(values: pd.DataFrame) -> np.ndarray:
    """Turn values into a basis: categories to indicators, numbers to hat functions of their ranks.

    Args:
        values: From `values_of`, with at least one column.

    Returns:
        Values in 0..1: (N, M).
    """
    most = 24 if values.shape[1] <= MOST_NUMBERS else 4
    knots = int(np.clip(len(values) // 10, 3, most))
    parts = [
        hats(column.to_numpy("float64"), knots)
        if pd.api.types.is_numeric_dtype(column)
        else indicators(column.astype(str).to_numpy())
        for _, column in values.items()
    ]
    return np.concatenate(parts, axis=1)


def ring_values(thumbnails: np.ndarray) -> pd.DataFrame:
    """Describe the outer ring of each thumbnail.

    Args:
        thumbnails: uint8 (N, 64, 64).

    Returns:
        The mean grey value of each of 8 segments on each of the 4 sides: (N, 32).
    """
    sides = {
        "top": thumbnails[:, :RING],
        "bottom": thumbnails[:, -RING:],
        "left": thumbnails[:, :, :RING].transpose(0, 2, 1),
        "right": thumbnails[:, :, -RING:].transpose(0, 2, 1),
    }
    values = {
        f"{name} {number}": segment.mean(axis=(1, 2))
        for name, side in sides.items()
        for number, segment in enumerate(np.array_split(side, SEGMENTS, axis=2))
    }
    return pd.DataFrame(values)


def name_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Read the numbers in file names; not those by which the images of each class were counted.

    A class's own count (benign 1 to 437, malignant 1 to 210, or one after the other) says nothing
    of how the images were taken. Names of which the class's word was removed, or that occur in
    several classes, are taken to be counted class by class even where some numbers are missing.

    Args:
        table: Of an image set: path, label, split and group.

    Returns:
        One row per image: `number 1` for the last number in each name, `number 2` for the one
        before it, and so on; -1 where there is none.
    """
    words = "|".join(re.escape(label) for label in sorted(table["label"].unique(), key=len)[::-1])
    of_class = re.compile(rf"(?<![^\W\d_])(?:{words})(?![^\W\d_])", re.IGNORECASE)
    stems = [Path(path).stem for path in table["path"]]
    bare = pd.Series([of_class.sub("", stem) for stem in stems])
    numbers = [[float(run) for run in re.findall(r"\d+", stem)][::-1] for stem in bare]
    values = pd.DataFrame(
        {
            f"number {place + 1}": [row[place] if place < len(row) else -1.0 for row in numbers]
            for place in range(max((len(row) for row in numbers), default=0))
        }
    )
    classes_of_name = table["label"].groupby(bare.to_numpy()).transform("nunique")
    named_by_class = (bare != pd.Series(stems)).mean() > 0.5
    counted = named_by_class or (classes_of_name > 1).mean() > SHARED_NAMES
    density = DENSE_OF_ITS_OWN if counted else DENSE
    kept = [c for c in values if not _counts_each_class(values[c], table, density)]
    kept = [c for c in kept if values[c].nunique() > 1]
    return values[kept[:MOST_NUMBERS]]


def _counts_each_class(number: pd.Series, table: pd.DataFrame, density: float) -> bool:
    """Whether a number counts the images, or the groups, of each class (or in each split too)."""
    return any(
        all(
            _is_count(number[cell.index], cell["group"], density)
            for _, cell in table.reset_index(drop=True).groupby(columns)
        )
        for columns in (["label"], ["label", "split"])
    )


def _is_count(number: pd.Series, group: pd.Series, density: float) -> bool:
    """Whether numbers are about as many as groups, and fill their range."""
    different = np.unique(number[number >= 0])
    if len(different) < 2:
        return len(different) == len(group)
    span = different[-1] - different[0] + 1
    return len(different) >= group.nunique() / 2 and len(different) >= density * span
