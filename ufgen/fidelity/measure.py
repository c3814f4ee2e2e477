"""Fidelity of synthetic images in one table: each number beside its real-against-real reference."""

from pathlib import Path

import numpy as np
import pandas as pd

from ufgen import figures
from ufgen.atomic import whole_file
from ufgen.fidelity.coverage import NEIGHBOURS, precision_recall_density_coverage
from ufgen.fidelity.distances import frechet_distance, kernel_distance, kernel_distance_interval
from ufgen.fidelity.extractors import Extractor, extract
from ufgen.fidelity.reference import Reference, halves, summary

COLUMNS = [
    *("scope", "metric", "value", "low", "high"),
    *("reference", "reference_low", "reference_high"),
    *("real", "synthetic", "extractor", "stamp", "note"),
]


def measure(
    real: dict[str, np.ndarray],
    synthetic: dict[str, np.ndarray],
    extractors: list[Extractor],
    seed: int = 0,
) -> pd.DataFrame:
    """KD, FD, precision, recall, density and coverage of all images and of each class.

    `real` and `synthetic` hold uint8 (N, H, W, C) by class. KD has a 95 % interval. The
    reference is the same number between random halves of the real images: its mean, least and
    largest over 10 splits drawn with `seed` (FD, which takes longer: over the first of them alone).
    What cannot be computed is nan, with a note.
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
        scopes += [(label, features[label], drawn[label]) for label in drawn if label in features]
        for scope, of_real, of_drawn in scopes:
            for row in _scope(of_real, of_drawn, seed):
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


def _all(parts: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate(list(parts.values()))


def _about(extractor: Extractor, real: np.ndarray, synthetic: np.ndarray) -> dict:
    counts = {"real": len(real), "synthetic": len(synthetic)}
    return counts | {"extractor": extractor.name, "stamp": extractor.stamp}


def _scope(real: np.ndarray, synthetic: np.ndarray, seed: int) -> list[dict]:
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
    references = _references(real, seed)
    for row in rows:
        row |= {"low": row.get("low", np.nan), "high": row.get("high", np.nan)}
        mean, low, high = references[row["metric"]]
        row |= {"reference": mean, "reference_low": low, "reference_high": high}
    return rows


def _references(real: np.ndarray, seed: int) -> dict[str, Reference]:
    """Each number between random halves of the real images."""
    found = {name: [] for name in ("KD", "FD", "precision", "recall", "density", "coverage")}
    for one, other in halves(len(real), seed):
        found["KD"].append(kernel_distance(real[one], real[other]))
        found["FD"] = found["FD"] or [frechet_distance(real[one], real[other])]
        for name, value in precision_recall_density_coverage(real[one], real[other]).items():
            found[name].append(value)
    return {name: summary(values) for name, values in found.items()}


def render(table: pd.DataFrame) -> str:
    """The table as text, three significant digits."""
    shown = table[["scope", "metric", "value", "low", "high", "reference", "note"]].copy()
    for name in ("value", "low", "high", "reference"):
        shown[name] = [("" if pd.isna(v) else f"{v:.3g}") for v in shown[name]]
    return shown.to_string(index=False)


def write(table: pd.DataFrame, folder: Path) -> None:
    """Write fidelity.csv, and fidelity.png with each number beside its reference."""
    with whole_file(Path(folder) / "fidelity.csv") as temporary:
        table.to_csv(temporary, index=False)
    _draw(table, Path(folder) / "fidelity.png")


@figures.style()
def _draw(table: pd.DataFrame, path: Path) -> None:
    metrics = list(dict.fromkeys(table["metric"]))
    columns = min(3, len(metrics))
    lines = -(-len(metrics) // columns)
    figure = figures.open_figure(2.4 * columns, 0.5 + 1.9 * lines)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in panels[len(metrics) :]:
        axes.set_visible(False)
    for axes, metric in zip(panels, metrics, strict=False):
        rows = table[table["metric"] == metric].iloc[::-1]
        for place, row in enumerate(rows.to_dict("records")):
            ends = [row["reference_low"], row["reference_high"]]
            axes.plot(ends, [place, place], color=figures.PALE, lw=8)
            axes.plot(row["reference"], place, "|", color=figures.GREY, markersize=12)
            if not pd.isna(row["low"]):
                axes.plot([row["low"], row["high"]], [place, place], color=figures.BLUE, lw=1.5)
            axes.plot(row["value"], place, "o", color=figures.BLUE)
        axes.set_yticks(range(len(rows)), rows["scope"])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_title(metric)
        axes.grid(axis="x", alpha=0.3)
        near = rows[["reference", "reference_low", "reference_high"]].abs().max().max()
        figures.log_where_wide(axes.xaxis, rows["value"], near)
    text = "Dot: synthetic images, KD with its 95 % interval. Grey: halves of the reference images."
    figures.footnote(figure, text)
    figures.save(figure, path)
