"""A folder of simulated images, and a sheet of them."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from ufgen.atomic import atomic_folder
from ufgen.display.image_grid import write_grid
from ufgen.errors import UserError
from ufgen.phantom.patient import simulate_patient
from ufgen.progress import Progress

CLASSES = ("NUF", "UF")
UF_FRACTION = 0.45


def write_set(
    folder: Path,
    train: int,
    test: int,
    size: int = 128,
    seed: int = 0,
    progress: bool = True,
    easy: bool = False,
) -> Path:
    """Write exactly `train` and `test` images as `folder/<split>/<class>/*.png`, and a manifest.

    About 45 % show fibroids. A patient has one to four views, a group that never crosses the
    splits, and fibroid boxes in the manifest's column `lesions` (JSON, pixels). The folder appears
    whole. `easy` images show the uterus alone, without the black around a sector, and its fibroids
    are larger and darker. Running it again with the same settings changes nothing; a folder that
    holds anything else is a UserError.
    """
    folder = Path(folder)
    settings = {"train": train, "test": test, "size": size, "seed": seed}
    settings |= {"easy": True} if easy else {}
    if folder.exists() and any(folder.iterdir()):
        made = folder / "phantom.yaml"
        if made.is_file() and yaml.safe_load(made.read_text()) == settings:
            return folder
        raise UserError(
            f"{folder} is not empty and does not hold this phantom set ({settings}): name a new "
            "folder, or remove that one"
        )
    jobs = [job for split, n in (("train", train), ("test", test)) for job in _plan(seed, split, n)]
    rows = []
    with (
        atomic_folder(folder) as temporary,
        ThreadPoolExecutor(os.cpu_count()) as pool,
        Progress(
            total=train + test, unit="img", desc="simulating (phantom)", disable=not progress
        ) as bar,
    ):
        for split in ("train", "test"):
            for label in CLASSES:
                (temporary / split / label).mkdir(parents=True)
        made = pool.map(lambda job: simulate_patient(seed, *job[1:], size, easy), jobs)
        for (split, patient, label, _), views in zip(jobs, made, strict=True):
            for number, view in enumerate(views):
                name = f"{split}/{label}/phantom_p{patient:05d}_v{number}.png"
                Image.fromarray(view.pixels).save(temporary / name)
                rows.append((name, label, split, f"p{patient:05d}", json.dumps(view.lesions)))
            bar.update(len(views))
        table = pd.DataFrame(rows, columns=["path", "label", "split", "group", "lesions"])
        table.assign(source="phantom").to_csv(temporary / "manifest.csv", index=False)
        (temporary / "phantom.yaml").write_text(yaml.safe_dump(settings))
    return folder


def _plan(seed: int, split: str, count: int) -> list[tuple[str, int, str, int]]:
    """Split, patient number, label and number of views, for exactly `count` images."""
    first = {"train": 0, "test": 50_000}[split]
    rng = np.random.default_rng([seed, first])
    wanted = {"UF": max(1, round(count * UF_FRACTION))}
    wanted["NUF"] = max(1, count - wanted["UF"])
    jobs = []
    for label in CLASSES:
        left = wanted[label]
        while left:
            views = min(left, int(rng.integers(1, 5)))
            jobs.append((split, first + len(jobs), label, views))
            left -= views
    return jobs


def write_sheet(
    path: Path, count: int = 32, size: int = 128, seed: int = 0, easy: bool = False
) -> None:
    """Write a labelled sheet of `count` simulated images, half of them with fibroids."""
    rows = []
    for index in range(0, count, 8):
        label = CLASSES[(index // 8) % 2]
        views = [simulate_patient(seed, index + i, label, 1, size, easy)[0] for i in range(8)]
        rows.append((f"{label}\nphantom", np.stack([v.pixels for v in views])[..., None]))
    write_grid(path, rows, "phantom: simulated pelvic ultrasound")
