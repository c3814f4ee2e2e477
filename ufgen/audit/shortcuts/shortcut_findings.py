"""Shortcuts: what must not matter, such as the size of a file, and tells the classes apart."""

import numpy as np
import pandas as pd

from ufgen.audit.findings import Exhibit, Finding
from ufgen.audit.measurements import Measurements
from ufgen.audit.shortcuts.probe_columns import PROBES, RING, Probe, basis_of, values_of
from ufgen.audit.shortcuts.separability import Separability, separability

ERROR, WARNING = 0.75, 0.6
"""Areas above which a probe is an error or a warning, if it is no chance."""
ERROR_LOW = 0.6
CHANCE = 0.01
"""Probability that any of the probes is found where the labels are random, at most."""
FEWEST = 5
"""Images of a class, and groups of it, that a probe needs."""
SHOWN = 4
EDGE = RING / 64
BOXES = {
    "borders": [
        (0.0, 0.0, EDGE, 1.0),
        (1 - EDGE, 0.0, 1.0, 1.0),
        (0.0, 0.0, 1.0, EDGE),
        (0.0, 1 - EDGE, 1.0, 1.0),
    ],
    "brightness": [
        (0.0, 0.0, 0.25, 1.0),
        (0.75, 0.0, 1.0, 1.0),
        (0.25, 0.0, 0.75, 0.25),
        (0.25, 0.75, 0.75, 1.0),
    ],
}
COLUMNS = ["probe", "class", "auc", "low", "high", "reference", "p", "n"]


def table(measurements: Measurements) -> pd.DataFrame:
    """Measure how well each probe tells the classes apart.

    Args:
        measurements: The measured images.

    Returns:
        One row for each probe that has something to look at: its name `probe`, the `class` that it
        tells best, the cross-validated `auc` with its 95 % interval `low` to `high`, the
        `reference` (95th percentile with permuted labels), the fraction of permutations `p` with as
        large an area, and the number of images `n` that were used. Where all images have the same
        values (or numbers that only count each class) the area is 0.5 and nothing is tested.
    """
    rows = []
    if _classes(measurements):
        for probe in PROBES:
            if probe.columns and not set(probe.columns) & set(measurements.table):
                continue
            found = measure(probe, measurements)
            rows.append(_row(probe, found, len(measurements.images)))
    return pd.DataFrame(rows, columns=COLUMNS)


def findings(measurements: Measurements, measured: pd.DataFrame | None = None) -> list[Finding]:
    """Find shortcuts.

    An error is an area above 0.75 whose interval lies above 0.6, a warning one above 0.6; either
    only if permuted labels reach it with a probability below 0.01 / number of probes.

    Args:
        measurements: The measured images.
        measured: What `table` returned for them; by default it is computed.

    Returns:
        A finding for each shortcut, the clearest first.
    """
    rows = table(measurements) if measured is None else measured
    likely = rows[(rows["auc"] > WARNING) & (rows["p"] < CHANCE / len(PROBES))]
    likely = likely.sort_values("auc", ascending=False)
    by_name = {probe.name: probe for probe in PROBES}
    return [_finding(by_name[row["probe"]], row, measurements) for _, row in likely.iterrows()]


def measure(probe: Probe, measurements: Measurements) -> Separability | None:
    """Measure how well one probe tells the classes apart.

    Args:
        probe: One of `PROBES`.
        measurements: The measured images, of at least two classes.

    Returns:
        Its area and what comes about by chance; None where no value differs between images.
    """
    images = measurements.images
    values = values_of(probe, measurements)
    if values.shape[1] == 0:
        return None
    labels, groups = (images.table[name].to_numpy(str) for name in ("label", "group"))
    return separability(basis_of(values), labels, groups, _classes(measurements))


def _classes(measurements: Measurements) -> list[str]:
    """The classes to tell from the rest, of enough images and groups; of two, one."""
    images = measurements.images
    by_class = images.table.groupby("label")["group"].nunique()
    if len(by_class) < 2:
        return []
    rest = [len(images.table[images.table["label"] != c]["group"].unique()) for c in by_class.index]
    enough = [c for c, n, m in zip(by_class.index, by_class, rest, strict=True) if n >= FEWEST <= m]
    if len(by_class) > 2:
        return enough
    return enough and [images.positive if images.positive in enough else enough[-1]]


def _row(probe: Probe, found: Separability | None, count: int) -> dict:
    if found is None:
        unknown = dict.fromkeys(("low", "high", "reference", "p"), np.nan)
        return {"probe": probe.name, "class": "", "auc": 0.5, **unknown, "n": count}
    numbers = {name: getattr(found, name) for name in ("auc", "low", "high", "reference", "p")}
    return {"probe": probe.name, "class": found.label, **numbers, "n": len(found.rows)}


def _finding(probe: Probe, row: pd.Series, measurements: Measurements) -> Finding:
    found = measure(probe, measurements)
    assert found is not None  # it has an area
    labels = measurements.images.table["label"].nunique()
    told = "the classes are" if labels == 2 else f"{found.label} is"
    told += " separated" if labels == 2 else " separated from the other classes"
    is_error = row["auc"] > ERROR and row["low"] > ERROR_LOW
    return Finding(
        f"shortcut-{probe.name}",
        "error" if is_error else "warning",
        f"From {probe.what} alone, {told}: AUC {row['auc']:.2f}",
        float(row["auc"]),
        f"{probe.why}. A network may learn this instead of what it should see, and fail on other "
        f"images. Cross-validated on {row['n']} images with whole groups held out: 95 % interval "
        f"{row['low']:.2f} to {row['high']:.2f}; with permuted labels at most "
        f"{row['reference']:.2f} in 95 % of cases.",
        probe.advice,
        values_by_class(probe, measurements),
        _exhibits(probe, found, measurements),
    )


def values_by_class(probe: Probe, measurements: Measurements) -> pd.DataFrame:
    """Summarise what a probe looks at, class by class.

    Args:
        probe: One of `PROBES`.
        measurements: The measured images.

    Returns:
        The columns value and label; of numbers n and the quartiles q1, median and q3, and of
        categories, one row each, n and its share of the class in percent.
    """
    labels = measurements.images.table["label"].reset_index(drop=True)
    rows = []
    for name, column in values_of(probe, measurements).items():
        for label, values in column.groupby(labels):
            if pd.api.types.is_numeric_dtype(column):
                quartiles = values.quantile([0.25, 0.5, 0.75])
                numbers = dict(zip(("q1", "median", "q3"), quartiles, strict=True))
                rows.append({"value": name, "label": label, "n": len(values), **numbers})
                continue
            for category, count in values.value_counts().head(SHOWN).items():
                value, share = f"{name} {category or '(none)'}", 100 * count / len(values)
                rows.append({"value": value, "label": label, "n": count, "percent": share})
    return pd.DataFrame(rows)


def _exhibits(probe: Probe, found: Separability, measurements: Measurements) -> list[Exhibit]:
    """The most typical images of the class and of the rest, one of each group."""
    images = measurements.images.table.iloc[found.rows].assign(score=found.scores)
    exhibits = []
    for mine in (True, False):
        side = images[(images["label"] == found.label) == mine]
        typical = side.sort_values("score", ascending=not mine, kind="stable")
        paths = typical.drop_duplicates("group")["path"].head(SHOWN).tolist()
        name = found.label if mine else " or ".join(sorted(side["label"].unique()))
        boxes = [BOXES[probe.name]] * len(paths) if probe.name in BOXES else []
        exhibits.append(Exhibit(paths, f"{name}, by {probe.what} alone", boxes))
    return exhibits
