"""Fidelity of synthetic images in one table: each number beside its real-against-real floor."""

from pathlib import Path

import numpy as np
import pandas as pd

from ufgen.atomic import whole_file
from ufgen.fidelity.coverage import NEIGHBOURS, precision_recall_density_coverage
from ufgen.fidelity.distances import frechet_distance, kernel_distance, kernel_distance_interval
from ufgen.fidelity.extractors import Extractor, extract

SPLITS = 10
COLUMNS = [
    *("scope", "metric", "value", "low", "high", "floor", "floor_low", "floor_high"),
    *("real", "synthetic", "extractor", "stamp", "note"),
]


def measure(
    real: dict[str, np.ndarray],
    synthetic: dict[str, np.ndarray],
    extractors: list[Extractor],
    seed: int = 0,
) -> pd.DataFrame:
    """KD, FD, precision, recall, density and coverage of all images and of each class.

    `real` and `synthetic` hold uint8 (N, H, W, C) by class. KD has a 95 % interval. The floor is
    the same number between random halves of the real images: its mean, least and largest over 10
    splits drawn with `seed` (FD, which takes longer: over the last of them alone). What cannot be
    computed is nan, with a note.
    """
    rows = []
    for extractor in extractors:
        features = {label: extract(extractor, images) for label, images in real.items()}
        reference = np.concatenate(list(features.values()))
        features = {k: standardised(v, reference, extractor) for k, v in features.items()}
        drawn = {
            label: standardised(extract(extractor, images), reference, extractor)
            for label, images in synthetic.items()
        }
        scopes = [("all", np.concatenate(list(features.values())), _all(drawn))]
        common = [label for label in drawn if label in features]
        scopes += [(_scope_of(label), features[label], drawn[label]) for label in common]
        for scope, of_real, of_drawn in scopes:
            for row in _scope(of_real, of_drawn, np.random.default_rng(seed)):
                row["metric"] += f"-{extractor.name}"
                rows.append({"scope": scope, **row} | _about(extractor, of_real, of_drawn))
    return pd.DataFrame(rows)[COLUMNS]


def standardised(features: np.ndarray, reference: np.ndarray, extractor: Extractor) -> np.ndarray:
    """Features (N, D) in units of the `reference`'s spread, where the extractor asks for that.

    A feature that is the same in every reference image counts as it is.
    """
    if not extractor.standardise:
        return features
    spread = reference.std(0)
    return (features - reference.mean(0)) / np.where(spread > 1e-6, spread, 1)


def _scope_of(label: str) -> str:
    """A class called "all" is not all images."""
    return f"class {label}" if label == "all" else label


def _all(parts: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate(list(parts.values()))


def _about(extractor: Extractor, real: np.ndarray, synthetic: np.ndarray) -> dict:
    counts = {"real": len(real), "synthetic": len(synthetic)}
    return counts | {"extractor": extractor.name, "stamp": extractor.stamp}


def _scope(real: np.ndarray, synthetic: np.ndarray, rng: np.random.Generator) -> list[dict]:
    few = f"fewer than {NEIGHBOURS + 1} images: undefined"
    if min(len(real), len(synthetic)) < 2:
        return [{"metric": "KD", "value": np.nan, "note": "fewer than 2 images: undefined"}]
    value, low, high = kernel_distance_interval(real, synthetic)
    fewer = min(len(real), len(synthetic)) <= real.shape[1]
    singular = "fewer images than features: biased upward" if fewer else ""
    rows = [
        {"metric": "KD", "value": value, "low": low, "high": high, "note": ""},
        {"metric": "FD", "value": frechet_distance(real, synthetic), "note": singular},
    ]
    found = precision_recall_density_coverage(real, synthetic)
    rows += [
        {"metric": name, "value": value, "note": few if np.isnan(value) else ""}
        for name, value in found.items()
    ]
    floors = _floors(real, rng)
    for row in rows:
        row |= {"low": row.get("low", np.nan), "high": row.get("high", np.nan)}
        of_splits = floors[row["metric"]]
        row["floor"] = np.mean(of_splits) if of_splits else np.nan
        row["floor_low"] = np.min(of_splits) if of_splits else np.nan
        row["floor_high"] = np.max(of_splits) if of_splits else np.nan
    return rows


def _floors(real: np.ndarray, rng: np.random.Generator) -> dict[str, list[float]]:
    """Each number between random halves of the real images, once a split."""
    found = {name: [] for name in ("KD", "FD", "precision", "recall", "density", "coverage")}
    if len(real) < 4:
        return found
    for _ in range(SPLITS):
        one, other = np.array_split(rng.permutation(len(real)), 2)
        found["KD"].append(kernel_distance(real[one], real[other]))
        for name, value in precision_recall_density_coverage(real[one], real[other]).items():
            found[name].append(value)
    found["FD"] = [frechet_distance(real[one], real[other])]
    return found


def render(table: pd.DataFrame) -> str:
    """The table as text, three significant digits."""
    shown = table[["scope", "metric", "value", "low", "high", "floor", "note"]].copy()
    for name in ("value", "low", "high", "floor"):
        shown[name] = [("" if pd.isna(v) else f"{v:.3g}") for v in shown[name]]
    return shown.to_string(index=False)


def write(table: pd.DataFrame, folder: Path) -> None:
    """Write fidelity.csv, and fidelity.png with each number beside its floor."""
    with whole_file(Path(folder) / "fidelity.csv") as temporary:
        table.to_csv(temporary, index=False)
    _draw(table, Path(folder) / "fidelity.png")


def _draw(table: pd.DataFrame, path: Path) -> None:
    from matplotlib.figure import Figure

    metrics = list(dict.fromkeys(table["metric"]))
    columns = min(3, len(metrics))
    lines = -(-len(metrics) // columns)
    figure = Figure(figsize=(3.6 * columns, 2.4 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in panels[len(metrics) :]:
        axes.set_visible(False)
    for axes, metric in zip(panels, metrics, strict=False):
        rows = table[table["metric"] == metric].iloc[::-1]
        for place, row in enumerate(rows.to_dict("records")):
            axes.plot([row["floor_low"], row["floor_high"]], [place, place], color="#BBBBBB", lw=8)
            axes.plot(row["floor"], place, "|", color="#555555", markersize=12)
            if not pd.isna(row["low"]):
                axes.plot([row["low"], row["high"]], [place, place], color="#0072B2", lw=1.5)
            axes.plot(row["value"], place, "o", color="#0072B2")
        axes.set_yticks(range(len(rows)), rows["scope"])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_title(metric, fontsize=10)
        axes.grid(axis="x", alpha=0.3)
    figure.suptitle("synthetic against real (dot), real against real (grey)", fontsize=10)
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=130)
