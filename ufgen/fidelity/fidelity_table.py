"""The table of fidelity metrics, each beside its real-vs-real reference."""

from pathlib import Path
from typing import NamedTuple

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
from ufgen.fidelity.real_reference import RealReference, reference_over_splits, stratified_splits

COLUMNS = [
    *("scope", "metric", "value", "low", "high"),
    *("reference", "reference_low", "reference_high"),
    *("real", "synthetic", "extractor", "stamp", "note"),
]


class _Sample(NamedTuple):
    """Features (N, D) and labels (N,)."""

    features: np.ndarray
    labels: np.ndarray


def measure(
    real: dict[str, np.ndarray],
    synthetic: dict[str, np.ndarray],
    extractors: list[Extractor],
    seed: int = 0,
) -> pd.DataFrame:
    """Compute KD, FD, precision, recall, density and coverage of all images and of each class.

    Synthetic images are reweighted (KD, FD) or randomly subsampled (PRDC) to the class proportions
    of the real images, to at most as many per class; per-class scopes are subsampled, too. KD has a
    95 % confidence interval. The reference is the same metric between random parts of the real
    images, each class divided alike: its mean, minimum and maximum over 10 splits (FD, which takes
    longer: over the first alone); halves for KD and FD, elsewhere parts in the ratio of synthetic
    to real images.

    Args:
        real: Real images of each class, uint8 (N, H, W, C).
        synthetic: Synthetic images of each class, uint8 (M, H, W, C); classes in common are
            compared.
        extractors: Feature extractors; each has metrics of its own.
        seed: Seed of the splits and of the images left out.

    Returns:
        A row for each extractor, scope ("all", or a class) and metric, with `COLUMNS`: `value` with
        `low` and `high`, the ends of its interval; the reference; the numbers of `real` and
        `synthetic` images. What cannot be computed is nan, with a note.

    Raises:
        UserError: Some features are not finite.
    """
    common = [label for label in real if label in synthetic]
    scopes = {"all": common} | {_scope_name(label): [label] for label in common}
    rows = []
    for extractor in extractors:
        real_features = {label: extract(extractor, images) for label, images in real.items()}
        synthetic_features = {label: extract(extractor, synthetic[label]) for label in common}
        reference = np.concatenate(list(real_features.values()))
        of_real, of_fake = (
            {label: standardised(features[label], reference, extractor) for label in common}
            for features in (real_features, synthetic_features)
        )
        for scope, labels in scopes.items():
            samples = _pooled(of_real, labels), _pooled(of_fake, labels)
            counts = {"real": len(samples[0].labels), "synthetic": len(samples[1].labels)}
            metadata = {"scope": scope, "extractor": extractor.name, "stamp": extractor.stamp}
            for row in _metrics(*samples, seed):
                row["metric"] = f"{row['metric']}-{extractor.name}"
                rows.append(metadata | counts | row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    if unmatched := sorted({*real, *synthetic} - set(common)):
        note = f"without {', '.join(unmatched)}, on one side only"
        of_all = table["scope"] == "all"
        table.loc[of_all, "note"] = [f"{note}; {old}".rstrip("; ") for old in table["note"][of_all]]
    return table


def standardised(features: np.ndarray, reference: np.ndarray, extractor: Extractor) -> np.ndarray:
    """Standardise features: arcsinh((x - mean) / deviation) with mean and deviation of `reference`.

    A deviation is at least the root mean square deviation of the feature's family: a feature that
    hardly varies among real images, as on a black surround, would otherwise dominate the distance.
    arcsinh is the identity near 0 and a logarithm far from it, so that any disturbance still counts
    and none outweighs the others. Chosen by benchmarks/fidelity/texture_distance.py.

    Args:
        features: Features, (N, D).
        reference: Features of the real images, (M, D).
        extractor: The extractor of both, which has the families.

    Returns:
        Standardised features, (N, D); `features` themselves if the extractor has no families.
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
    """The scope of one class, also of a class called all."""
    return "class all" if label == "all" else label


def _pooled(features: dict[str, np.ndarray], labels: list[str]) -> _Sample:
    counts = [len(features[label]) for label in labels]
    return _Sample(np.concatenate([features[label] for label in labels]), np.repeat(labels, counts))


def _metrics(real: _Sample, fake: _Sample, seed: int) -> list[dict[str, object]]:
    """A row for each metric."""
    x, y = real.features, fake.features
    if min(len(x), len(y)) < 2:
        return [{"metric": "KD", "value": np.nan, "note": "fewer than 2 images: undefined"}]
    weights = class_weights(real.labels, fake.labels)
    value, low, high = kernel_distance_interval(x, y, weights)
    singular = min(len(x), len(y)) <= x.shape[1]
    halves = list(stratified_splits(real.labels, seed=seed))
    kd_reference = reference_over_splits([kernel_distance(x[a], x[b]) for a, b in halves])
    fd_reference = reference_over_splits([frechet_distance(x[a], x[b]) for a, b in halves[:1]])
    rows = [
        {"metric": "KD", "value": value, "low": low, "high": high} | _columns(kd_reference),
        {
            "metric": "FD",
            "value": frechet_distance(x, y, weights),
            "note": "fewer images than features: biased upward" if singular else "",
        }
        | _columns(fd_reference),
    ]
    rng = np.random.default_rng(seed)
    kept, ratio = _match_class_proportions(real.labels, fake.labels, rng)
    values = precision_recall_density_coverage(x, y[kept])
    parts = stratified_splits(real.labels, ratio, seed)
    of_parts = [precision_recall_density_coverage(x[a], x[b]) for a, b in parts]
    for name, value in values.items():
        note = f"fewer than {NEIGHBOURS + 1} images: undefined" if np.isnan(value) else ""
        reference = reference_over_splits([part[name] for part in of_parts])
        rows.append({"metric": name, "value": value, "note": note} | _columns(reference))
    return [{"note": ""} | row for row in rows]


def _columns(reference: RealReference) -> dict[str, float]:
    names = ("reference", "reference_low", "reference_high")
    return dict(zip(names, reference, strict=True))


def _match_class_proportions(
    real: np.ndarray, fake: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Rows of `fake` labels (M,) in the proportions of `real` (N,), and the ratio fake to real."""
    counts = {
        label: (np.sum(real == label), np.flatnonzero(fake == label)) for label in np.unique(real)
    }
    ratio = min(1.0, *(len(rows) / count for count, rows in counts.values()))
    kept = [rng.permutation(rows)[: round(ratio * n)] for n, rows in counts.values()]
    return np.sort(np.concatenate(kept)), ratio


def render(table: pd.DataFrame) -> str:
    """Format the table as text.

    Args:
        table: The table of `measure`.

    Returns:
        Lines with three significant digits, without counts and extractors.
    """
    shown = table[["scope", "metric", "value", "low", "high", "reference", "note"]].copy()
    for name in ("value", "low", "high", "reference"):
        shown[name] = [("" if pd.isna(v) else f"{v:.3g}") for v in shown[name]]
    return shown.to_string(index=False)


def write(table: pd.DataFrame, folder: Path, real: str = "real") -> None:
    """Write fidelity.csv, and fidelity.png with each metric beside its reference.

    Args:
        table: The table of `measure`.
        folder: Where to write; created if needed.
        real: The word for the images compared with (see `figure_style.source_word`).
    """
    with atomic_file(Path(folder) / "fidelity.csv") as temporary:
        table.to_csv(temporary, index=False)
    write_figure(table, Path(folder) / "fidelity.png", real)
