"""Does the audit find planted faults, and does it leave clean sets alone?

    python benchmarks/audit/planted_faults.py [--images 1000] [--only NAME ...] [--out faults.csv]

Each fault of `faults.py` and `shortcut_and_quality_faults.py` is planted in a fresh copy of a
simulated set, JPEG files under names such as an ultrasound device gives; three clean sets of other
patients follow. Errors and warnings count; notes do only where they were expected.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import shortcut_and_quality_faults  # noqa: F401
from faults import FAULTS, read, save

from ufgen import phantom
from ufgen.images import image_set

CLEAN_SEEDS = (0, 1, 2)
STUDY = "1.2.826.0.1.3680043.2.461"


def write_base(folder: Path, count: int, seed: int, easy: bool = False) -> pd.DataFrame:
    """A clean set as JPEG: names hold a study counter that tells neither class nor split."""
    test = count * 3 // 10
    phantom.write_set(folder / "png", count - test, test, 96, seed, False, easy)
    table = pd.read_csv(folder / "png" / "manifest.csv")
    groups = table["group"].unique()
    rng = np.random.default_rng(seed)
    drawn = rng.choice(90_000, len(groups), replace=False) + 10_000
    counters = dict(zip(groups, drawn, strict=True))
    paths = []
    for row in table.to_dict("records"):
        name = f"{STUDY}.{counters[row['group']]}.{int(rng.integers(10**9))}.jpg"
        paths.append(str(folder / "set" / row["split"] / row["label"] / name))
        save(read(str(folder / "png" / row["path"])), paths[-1])
    return table.assign(path=paths)[["path", "label", "split", "group"]]


def link(table: pd.DataFrame, base: Path, folder: Path) -> pd.DataFrame:
    """Hard links to the files of a base set."""
    paths = [str(folder / Path(path).relative_to(base)) for path in table["path"]]
    for old, new in zip(table["path"], paths, strict=True):
        Path(new).parent.mkdir(parents=True, exist_ok=True)
        os.link(old, new)
    return table.assign(path=paths)


def audit(table: pd.DataFrame, folder: Path, grouped: bool) -> dict[str, str]:
    """The findings' names and severities."""
    from ufgen.audit.audit import run

    if grouped:
        table.assign(source="real").to_csv(folder / "manifest.csv", index=False)
    images = image_set.scan(folder, binary=False)
    return {finding.name: finding.severity for finding in run(images, None).findings}


def graded(found: dict[str, str], expected: tuple[str, ...], usual: set[str]) -> dict[str, str]:
    grave = {name for name, severity in found.items() if severity != "note"}
    hits = [name for name in expected if name in found and name not in usual]
    others = sorted(grave - set(expected) - usual)
    result = "found" if hits else "missed" if expected else "clean" if not others else "alarm"
    return {"result": result, "by": " ".join(hits), "false alarms": " ".join(others)}


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--images", type=int, default=1000)
parser.add_argument("--only", nargs="*", default=[])
parser.add_argument("--out", type=Path, default=Path("planted_faults.csv"))
options = parser.parse_args()

results = []
with tempfile.TemporaryDirectory() as temporary:
    place = Path(temporary)
    bases, usual = {}, {}
    chosen = [one for one in FAULTS if not options.only or one.name in options.only]
    for one in chosen:
        if one.easy not in bases:
            bases[one.easy] = write_base(place / f"{one.easy}", options.images, 10, one.easy)
        base = place / f"{one.easy}" / "set"
        if (one.easy, one.grouped) not in usual:  # what is found without the fault, such as a note
            clean = place / f"without-{one.easy}-{one.grouped}"
            found = audit(link(bases[one.easy], base, clean), clean, one.grouped)
            usual[one.easy, one.grouped] = set(found)
        folder = place / one.name
        planted = one.build(link(bases[one.easy], base, folder), np.random.default_rng(0))
        found = audit(planted, folder, one.grouped)
        row = graded(found, one.expected, usual[one.easy, one.grouped])
        results.append({"fault": one.name, **row})
        print(" | ".join(results[-1].values()), flush=True)
    for seed in CLEAN_SEEDS if not options.only else ():
        table = write_base(place / f"clean{seed}", options.images, seed)
        found = audit(table, place / f"clean{seed}" / "set", True)
        results.append({"fault": f"(clean set {seed})", **graded(found, (), set())})
        print(" | ".join(results[-1].values()), flush=True)
frame = pd.DataFrame(results)
frame.to_csv(options.out, index=False)
print(frame["result"].value_counts().to_string())
