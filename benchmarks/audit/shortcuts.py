"""Does the audit find leaks in names and planted shortcuts, and does it accuse nothing by chance?

    python benchmarks/audit/shortcuts.py [FOLDER ...] [--sets 200] [--strengths 10]

(a) 1,990 names in the form of the public uterine fibroid set, with study counters that differ
between the classes and recur in both splits: the proposed pattern, the test images concerned, and
the AUC of the numbers in the names alone. (b) How often anything is found in sets of 40 and of 400
images whose labels are random. (c) How often planted shortcuts of graded strength are found, with
24 to 1,000 images. (d) The probes' table of each FOLDER of images, such as simulated ones.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ufgen.audit import leakage
from ufgen.audit.measurements import THUMBNAIL, Measurements
from ufgen.audit.shortcuts import file_measures, shortcut_findings
from ufgen.audit.shortcuts.probe_columns import PROBES
from ufgen.images import positive_class
from ufgen.images.decoding import decode
from ufgen.images.image_set import COLUMNS, UNNAMED, ImageSet

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folders", nargs="*", type=Path)
parser.add_argument("--sets", type=int, default=200, help="sets of random labels")
parser.add_argument("--strengths", type=int, default=10, help="sets for each strength")
options = parser.parse_args()
UID = "1.2.826.0.1.3680043.2.461"
COUNTS = {("train", "NUF"): 892, ("train", "UF"): 702, ("test", "NUF"): 223, ("test", "UF"): 173}
PLAIN = 40
# No such files are on this machine: about six images of a study and ranges that overlap are assumed
STUDIES = {"NUF": (11_700_000, 600_000), "UF": (12_000_000, 600_000)}


def image_set(paths, labels, splits, groups=None):
    table = pd.DataFrame({"path": paths, "label": labels, "split": splits})
    groups = UNNAMED + table["path"] if groups is None else groups
    return ImageSet(table.assign(group=groups, source="real", sha256="")[COLUMNS], "UF")


def fibroid_names(seed=0):
    rng = np.random.default_rng(seed)
    studies = {k: rng.integers(low, low + width, 170) for k, (low, width) in STUDIES.items()}
    rows = []
    for (split, label), count in COUNTS.items():
        for number in range(count):
            study, image = rng.choice(studies[label]), rng.integers(1e9)
            name = f"{UID}.{study}.{image}.jpg"
            if number < PLAIN // 4:
                name = f"{number + 1:02d}.jpg"
            rows.append((f"/UF_dataset/{split}/{label}/{name}", label, split))
    return image_set(*zip(*rows, strict=True))


def names_of_the_fibroid_set():
    images = fibroid_names()
    (found,) = leakage.findings(images)
    print(f"(a) {found.severity} {found.name}: {found.title}\n    {found.advice}")
    nothing = np.zeros((len(images), THUMBNAIL, THUMBNAIL), "uint8")
    counters = images.table["path"].str.extract(r"\.(\d+)\.\d+\.jpg$")[0]
    studies = counters.fillna(images.table["group"])
    for what, table in (
        ("each image a group", images.table),
        ("studies as groups", images.table.assign(group=studies)),
    ):
        grouped = ImageSet(table, "UF")
        bare = Measurements(grouped, pd.DataFrame(index=images.table.index), nothing, {}, None)
        row = shortcut_findings.table(bare).iloc[0]
        print(f"    numbers alone, {what}: AUC {row['auc']:.3f} ({row['low']:.3f} to ", end="")
        print(f"{row['high']:.3f}), by chance {row['reference']:.3f}, p {row['p']:.4f}")


def random_set(count, rng, of_group=1, target=None, **columns):
    """Values of all probes, independent of the class; those of `columns` are planted."""
    number = np.arange(count)
    group = number // of_group
    if target is None:
        target = rng.integers(0, 2, group.max() + 1)[group]
    names = [f"/x/{rng.integers(1000)}.{rng.integers(1e9)}.jpg" for _ in number]
    values = rng.normal(size=(group.max() + 1, 8))[group] + rng.normal(size=(count, 8)) / 2
    table = pd.DataFrame(values[:, :4], columns=["bytes", "aspect", "outer_mean", "outer_contrast"])
    sizes, tables = np.round(values[:, 4]) * 100 + 800, np.round(values[:, 5]).astype(int)
    table = table.assign(width=sizes, height=600, jpeg_tables=tables.astype(str), format="JPEG")
    table = table.assign(metadata=np.where(values[:, 6] > 0.5, "dpi 96x96", ""))
    table = table.assign(text_area=np.clip(values[:, 7], 0, None), text_boxes=tables % 4)
    table = table.assign(caliper_area=(rng.random(count) < 0.2) * 0.01)
    table = table.assign(colour=(rng.random(count) < 0.1) * rng.random(count))
    thumbnails = rng.integers(0, 90, (count, THUMBNAIL, THUMBNAIL), "uint8")
    thumbnails[:, :2] //= rng.integers(1, 4, count, "uint8")[:, None, None]
    labels = np.where(target, "UF", "NUF")
    images = image_set(names, labels, "", [f"g{g}" for g in group])
    return Measurements(images, table.assign(**columns), thumbnails, {}, None)


def random_labels():
    print(f"(b) random labels, {options.sets} sets each: sets with any error, any finding")
    for count, of_group in ((40, 1), (400, 1), (400, 4)):
        found = [
            shortcut_findings.findings(
                random_set(count, np.random.default_rng([seed, count]), of_group)
            )
            for seed in range(options.sets)
        ]
        errors = np.mean([any(one.severity == "error" for one in some) for some in found])
        print(f"    {count} images, {of_group} of a group: ", end="")
        print(f"{errors:.1%}, {np.mean([bool(some) for some in found]):.1%}", flush=True)


def planted():
    print(
        f"(c) planted in file sizes and in calipers, {options.strengths} sets each: errors, found"
    )
    for count in (24, 100, 400, 1000):
        for strength in (0.25, 0.5, 1.0, 2.0):
            found = {"file-size": [], "overlays": []}
            areas = []
            for seed in range(options.strengths):
                rng = np.random.default_rng([seed, count, 7])
                target = rng.permutation(count) % 2
                marked = rng.random(count) < 0.1 + 0.35 * strength * target
                columns = {"bytes": rng.normal(size=count) + strength * target}
                measured = random_set(
                    count, rng, target=target, **columns, caliper_area=marked * 1.0
                )
                severity = {
                    one.name[9:]: one.severity for one in shortcut_findings.findings(measured)
                }
                for name in found:
                    found[name].append(severity.get(name, ""))
                areas.append(
                    (columns["bytes"][target == 1, None] > columns["bytes"][target == 0]).mean()
                )
            rates = [
                f"{name} {some.count('error') / len(some):.0%} {1 - some.count('') / len(some):.0%}"
                for name, some in found.items()
            ]
            print(f"    {count} images, strength {strength} ", end="")
            print(f"(AUC {np.mean(areas):.2f}): {', '.join(rates)}", flush=True)


def measure_folder(folder):
    images = positive_class.scan(folder, allow_ungrouped=True)
    rows, thumbnails, seconds = [], [], 0.0
    for path in images.table["path"]:
        picture = decode(path)
        start = time.perf_counter()
        rows.append(file_measures.measure(path, picture))
        seconds += time.perf_counter() - start
        small = (
            Image.fromarray(picture)
            .convert("L")
            .resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
        )
        thumbnails.append(np.asarray(small))
    measured = Measurements(images, pd.DataFrame(rows), np.stack(thumbnails), {}, None)
    print(f"(d) {folder}: {len(images)} images, {1000 * seconds / len(images):.2f} ms an image")
    start = time.perf_counter()
    table = shortcut_findings.table(measured)
    print(table.round(3).to_string(index=False))
    print(f"    {time.perf_counter() - start:.1f} s for {len(PROBES)} probes")
    for found in [*leakage.findings(images), *shortcut_findings.findings(measured, table)]:
        print(f"    {found.severity} {found.name}: {found.title}")


names_of_the_fibroid_set()
for folder in options.folders:
    measure_folder(folder)
if options.sets:
    random_labels()
if options.strengths:
    planted()
