"""Fidelity of synthetic images in one table: each number beside its real-against-real reference."""

from pathlib import Path

import numpy as np
import pandas as pd

from ufgen.atomic import atomic_file
from ufgen.display.fidelity_figure import write_figure
from ufgen.fidelity.distances import (
    class_weights,
    frechet_distance,
    kernel_distance,
    kernel_distance_interval,
)
from ufgen.fidelity.feature_extractors import Extractor, extract
from ufgen.fidelity.prdc import NEIGHBOURS, precision_recall_density_coverage
from ufgen.fidelity.real_reference import Reference, splits, summary

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

    `real` and `synthetic` hold uint8 (N, H, W, C) by class; those in common are compared. Over all
    images the synthetic classes count as the real ones do: by weights in KD and FD, elsewhere by
    leaving out images at random (drawn with `seed`) until each class has the same ratio of
    synthetic to real images, 1 at most. KD has a 95 % interval. The reference is the same number
    between random parts of the real images, each class divided alike: its mean, least and largest
    over 10 splits (FD, which takes longer: over the first alone); halves for KD and FD, elsewhere
    parts in the ratio of synthetic to real images. What cannot be computed is nan, with a note.
    """
    common = [label for label in real if label in synthetic]
    scopes = {"all": common} | {_scope_name(label): [label] for label in common}
    rows = []
    for extractor in extractors:
        features = {label: extract(extractor, images) for label, images in real.items()}
        reference = np.concatenate(list(features.values()))
        sides = [
            {label: standardised(found[label], reference, extractor) for label in common}
            for found in (features, {c: extract(extractor, synthetic[c]) for c in common})
        ]
        for scope, labels in scopes.items():
            chosen = [_together(side, labels) for side in sides]
            metadata = {"scope": scope, "real": len(chosen[0][0]), "synthetic": len(chosen[1][0])}
            metadata |= {"extractor": extractor.name, "stamp": extractor.stamp}
            for row in _numbers(*chosen, seed):
                row["metric"] += f"-{extractor.name}"
                rows.append(metadata | row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    if lacking := sorted({*real, *synthetic} - set(common)):
        note = f"without {', '.join(lacking)}, on one side only"
        whole = table["scope"] == "all"
        table.loc[whole, "note"] = [f"{note}; {old}".rstrip("; ") for old in table["note"][whole]]
    return table


def standardised(features: np.ndarray, reference: np.ndarray, extractor: Extractor) -> np.ndarray:
    """arcsinh((x - mean) / deviation) of features (N, D), by the `reference`'s mean and deviation.

    A deviation is at least the root mean square deviation of the feature's family: a feature that
    hardly varies among real images, as on a black surround, would otherwise make the distance by
    itself. arcsinh is the identity near 0 and a logarithm far from it, so that any disturbance
    still counts and none drowns the others. Chosen by benchmarks/fidelity/texture_distance.py. Features of
    an extractor without families stay as they are.
    """
    if not extractor.families:
        return features
    variance = reference.var(0, dtype="float64")
    ends = np.cumsum(extractor.families)
    pooled = [part.mean() for part in np.split(variance, ends[:-1])]
    deviation = np.sqrt(np.maximum(variance, np.repeat(pooled, extractor.families)))
    deviation = np.where(deviation > 1e-6, deviation, 1)
    return np.arcsinh((features - reference.mean(0, dtype="float64")) / deviation)


def _scope_name(label: str) -> str:
    """The scope of one class; a class may be called all."""
    return "class all" if label == "all" else label


def _together(parts: dict[str, np.ndarray], labels: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, D) of some classes, and their labels (N,)."""
    counts = [len(parts[label]) for label in labels]
    return np.concatenate([parts[label] for label in labels]), np.repeat(labels, counts)


def _numbers(real: tuple, synthetic: tuple, seed: int) -> list[dict]:
    """A row for each metric; both sides are features (N, D) and labels (N,)."""
    (of_real, real_labels), (of_fake, fake_labels) = real, synthetic
    if min(len(of_real), len(of_fake)) < 2:
        return [{"metric": "KD", "value": np.nan, "note": "fewer than 2 images: undefined"}]
    weights = class_weights(real_labels, fake_labels)
    value, low, high = kernel_distance_interval(of_real, of_fake, weights)
    fewer = min(len(of_real), len(of_fake)) <= of_real.shape[1]
    halves = list(splits(real_labels, seed=seed))
    distances = summary([kernel_distance(of_real[a], of_real[b]) for a, b in halves])
    rows = [
        {"metric": "KD", "value": value, "low": low, "high": high} | _columns(distances),
        {
            "metric": "FD",
            "value": frechet_distance(of_real, of_fake, weights),
            "note": "fewer images than features: biased upward" if fewer else "",
        }
        | _columns(summary([frechet_distance(of_real[a], of_real[b]) for a, b in halves[:1]])),
    ]
    kept, ratio = _same_shares(real_labels, fake_labels, np.random.default_rng(seed))
    found = precision_recall_density_coverage(of_real, of_fake[kept])
    parts = splits(real_labels, ratio, seed)
    of_parts = [precision_recall_density_coverage(of_real[a], of_real[b]) for a, b in parts]
    for name, value in found.items():
        note = f"fewer than {NEIGHBOURS + 1} images: undefined" if np.isnan(value) else ""
        reference = summary([numbers[name] for numbers in of_parts])
        rows.append({"metric": name, "value": value, "note": note} | _columns(reference))
    return [{"note": ""} | row for row in rows]


def _columns(reference: Reference) -> dict[str, float]:
    names = ("reference", "reference_low", "reference_high")
    return dict(zip(names, reference, strict=True))


def _same_shares(
    real: np.ndarray, fake: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Rows of `fake` labels (M,) with the shares of `real` (N,), and the ratio of fake to real."""
    counts = {label: (np.sum(real == label), np.flatnonzero(fake == label)) for label in set(real)}
    ratio = min(1.0, *(len(rows) / count for count, rows in counts.values()))
    kept = [rng.permutation(rows)[: round(ratio * n)] for n, rows in counts.values()]
    return np.sort(np.concatenate(kept)), ratio


def render(table: pd.DataFrame) -> str:
    """The table as text, three significant digits."""
    shown = table[["scope", "metric", "value", "low", "high", "reference", "note"]].copy()
    for name in ("value", "low", "high", "reference"):
        shown[name] = [("" if pd.isna(v) else f"{v:.3g}") for v in shown[name]]
    return shown.to_string(index=False)


def write(table: pd.DataFrame, folder: Path) -> None:
    """Write fidelity.csv, and fidelity.png with each number beside its reference."""
    with atomic_file(Path(folder) / "fidelity.csv") as temporary:
        table.to_csv(temporary, index=False)
    write_figure(table, Path(folder) / "fidelity.png")
