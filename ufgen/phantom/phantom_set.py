"""Simulated image sets: folders with a manifest, and sheets of samples."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from ufgen.atomic import atomic_folder
from ufgen.display.image_grid import write_grid
from ufgen.errors import UserError
from ufgen.phantom.patient import LARGE_FROM, simulate_patient
from ufgen.phantom.scan import View
from ufgen.progress import Progress

CLASSES = {2: ("NUF", "UF"), 3: ("none", "small", "large")}
UF_FRACTION = 0.45


class _Patient(NamedTuple):
    """A patient to simulate."""

    split: str
    number: int
    label: str
    views: int


def write_set(
    folder: Path,
    train: int,
    test: int,
    size: int = 128,
    seed: int = 0,
    show_progress: bool = True,
    easy: bool = False,
    classes: int = 2,
) -> Path:
    """Write a simulated image set: `folder/<split>/<class>/*.png`, and a manifest.

    Of two classes about 45 % of the images are of patients with fibroids; of three, a third each
    of patients with none, small or large ones (see `simulate_patient`). Each patient is a group of
    one to four views in one split. The manifest's column `lesions` holds the boxes of the fibroids
    (JSON, in pixels). The folder is written atomically; the same settings again change nothing.

    Args:
        folder: A folder that is new, empty, or holds this image set.
        train: The exact number of training images.
        test: The exact number of test images.
        size: Height and width of the images in pixels.
        seed: Random seed of the patients.
        show_progress: Show a progress bar.
        easy: Show only the uterus, without the black around a sector, with larger and darker
            fibroids.
        classes: 2 (`UF`, `NUF`) or 3 (`none`, `small`, `large`).

    Returns:
        The folder.

    Raises:
        UserError: Where the folder holds anything else.
    """
    folder = Path(folder)
    settings: dict[str, float] = {"train": train, "test": test, "size": size, "seed": seed}
    settings |= {"easy": True} if easy else {}
    settings |= {"classes": classes, "large_from": LARGE_FROM} if classes > 2 else {}
    if folder.exists() and any(folder.iterdir()):
        file = folder / "phantom.yaml"
        if file.is_file() and yaml.safe_load(file.read_text()) == settings:
            return folder
        raise UserError(
            f"{folder} is not empty and does not hold this phantom set ({settings}): name a new "
            "folder, or remove that one"
        )
    counts = {"train": train, "test": test}
    patients = [p for split in counts for p in _plan(seed, split, counts[split], classes)]

    def simulate(planned: _Patient) -> list[View]:
        return simulate_patient(seed, planned.number, planned.label, planned.views, size, easy)

    rows = []
    with (
        atomic_folder(folder) as temporary,
        ThreadPoolExecutor(os.cpu_count()) as pool,
        Progress(
            total=train + test, unit="img", desc="simulating (phantom)", disable=not show_progress
        ) as bar,
    ):
        for split in ("train", "test"):
            for label in CLASSES[classes]:
                (temporary / split / label).mkdir(parents=True)
        for patient, views in zip(patients, pool.map(simulate, patients), strict=True):
            split, label, group = patient.split, patient.label, f"p{patient.number:05d}"
            for number, view in enumerate(views):
                name = f"{split}/{label}/phantom_{group}_v{number}.png"
                Image.fromarray(view.pixels).save(temporary / name)
                rows.append((name, label, split, group, json.dumps(view.lesions)))
            bar.update(len(views))
        table = pd.DataFrame(rows, columns=["path", "label", "split", "group", "lesions"])
        table.assign(source="phantom").to_csv(temporary / "manifest.csv", index=False)
        (temporary / "phantom.yaml").write_text(yaml.safe_dump(settings))
    return folder


def _plan(seed: int, split: str, count: int, classes: int) -> list[_Patient]:
    """The patients of a split, with exactly `count` images."""
    first = {"train": 0, "test": 50_000}[split]
    rng = np.random.default_rng([seed, first])
    if classes == 2:
        of_uf = max(1, round(count * UF_FRACTION))
        counts = [max(1, count - of_uf), of_uf]
    else:
        counts = [len(part) for part in np.array_split(np.arange(count), classes)]
    patients: list[_Patient] = []
    for label, remaining in zip(CLASSES[classes], counts, strict=True):
        while remaining:
            views = min(remaining, int(rng.integers(1, 5)))
            patients.append(_Patient(split, first + len(patients), label, views))
            remaining -= views
    return patients


def write_sheet(
    path: Path,
    count: int = 32,
    size: int = 128,
    seed: int = 0,
    easy: bool = False,
    classes: int = 2,
) -> None:
    """Write a labelled sheet of simulated images, as many of each class.

    Args:
        path: The PNG to write.
        count: The number of images, a multiple of 8 times `classes`.
        size: Height and width of the images in pixels.
        seed: Random seed of the patients.
        easy: See `write_set`.
        classes: See `write_set`.
    """
    rows = []
    for index in range(0, count, 8):
        label = CLASSES[classes][(index // 8) % classes]
        views = [simulate_patient(seed, index + i, label, 1, size, easy)[0] for i in range(8)]
        rows.append((f"{label}\nphantom", np.stack([v.pixels for v in views])[..., None]))
    write_grid(path, rows, "phantom: simulated pelvic ultrasound")
