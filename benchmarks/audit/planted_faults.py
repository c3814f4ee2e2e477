"""Does the audit find planted faults, and does it leave clean sets alone?

    python benchmarks/audit/planted_faults.py [--images 1000] [--only NAME ...] [--out faults.csv]

Each fault of `faults.py` and `shortcut_and_quality_faults.py` is planted in a fresh copy of a
simulated set, JPEG files under names such as an ultrasound device gives; three clean sets of other
patients follow. Errors and warnings count; notes do only where they were expected.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import shortcut_and_quality_faults  # noqa: F401
from faults import FAULTS, read, save

from ufgen import phantom
from ufgen.audit.findings import SEVERITIES, Finding
from ufgen.images import image_set

CLEAN_SEEDS = (101, 102, 103)
BASE_SEED = 110
MORE = 1.5  # times as many: more of what was there without the fault
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


def audit(table: pd.DataFrame, folder: Path, grouped: bool) -> dict[str, Finding]:
    """The findings by their names."""
    from ufgen.audit.audit import run

    if grouped:
        table.assign(source="real").to_csv(folder / "manifest.csv", index=False)
    images = image_set.scan(folder, binary=False)
    return {finding.name: finding for finding in run(images).findings}


def graded(
    found: dict[str, Finding], expected: tuple[str, ...], usual: dict[str, Finding]
) -> dict[str, str]:
    """Whether a fault was found; `usual` is found in the set without it."""
    grave = {name for name, finding in found.items() if finding.severity != "note"}
    hits = [name for name in expected if name in found and _is_new(found[name], usual.get(name))]
    others = sorted(grave - set(expected) - set(usual))
    result = "found" if hits else "missed" if expected else "clean" if not others else "alarm"
    return {"result": result, "by": " ".join(hits), "false alarms": " ".join(others)}


def _is_new(finding: Finding, usual: Finding | None) -> bool:
    if usual is None:
        return True
    graver = SEVERITIES.index(finding.severity) < SEVERITIES.index(usual.severity)
    return graver or finding.number >= MORE * usual.number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--out", type=Path, default=Path("planted_faults.csv"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["UFGEN_CACHE"] = str(Path(temporary) / "cache")
        results = []
        for row in rows(options.images, options.only, Path(temporary)):
            results.append(row)
            print(" | ".join(row.values()), flush=True)
    frame = pd.DataFrame(results)
    frame.to_csv(options.out, index=False)
    print(frame["result"].value_counts().to_string())


def rows(count: int, only: list[str], place: Path) -> Iterator[dict[str, str]]:
    """A row for each set without a fault, each fault and each clean set."""
    bases: dict[bool, pd.DataFrame] = {}
    usual: dict[tuple[bool, bool], dict[str, Finding]] = {}
    for one in FAULTS:
        if only and one.name not in only:
            continue
        base = place / f"{one.easy}" / "set"
        if one.easy not in bases:
            bases[one.easy] = write_base(base.parent, count, BASE_SEED, one.easy)
        kind = (one.easy, one.grouped)
        if kind not in usual:
            clean = place / f"without-{one.easy}-{one.grouped}"
            usual[kind] = audit(link(bases[one.easy], base, clean), clean, one.grouped)
            name = f"(no fault{', easy' * one.easy}{', groups not given' * (not one.grouped)})"
            yield {"fault": name, **graded(usual[kind], (), {})}
        folder = place / one.name
        planted = one.build(link(bases[one.easy], base, folder), np.random.default_rng(0))
        found = audit(planted, folder, one.grouped)
        yield {"fault": one.name, **graded(found, one.expected, usual[kind])}
    for seed in () if only else CLEAN_SEEDS:
        table = write_base(place / f"clean{seed}", count, seed)
        found = audit(table, place / f"clean{seed}" / "set", True)
        yield {"fault": f"(clean set {seed})", **graded(found, (), {})}


if __name__ == "__main__":
    main()
