"""How often the intervals of `ufgen evaluate` hold the true value, on simulated test sets.

A score is normal with a part that the images of a group share (`icc` of its variance), and larger
by a set distance for positive images. The truth of each metric is its value on 200,000 images of
groups of their own. Run: python benchmarks/classification/assessment_coverage.py --studies 400
"""

import argparse
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import expit

from classifiers.evaluation import evaluation_report, metrics

SHOWN = ("roc_auc", "recall", "accuracy", "precision", "balanced_accuracy", "f1", "mcc")
SHOWN += ("average_precision", "brier")


def mixed(rng, groups, images, icc, distance):
    """Groups of as many images, positive or negative by chance; of 1 to 40 where images is 0."""
    sizes = np.full(groups, images) if images else rng.integers(1, 41, groups)
    members = np.repeat(np.arange(groups), sizes)
    return rng.integers(0, 2, len(members)), members, icc, distance


def patients(rng, groups, images, icc, distance):
    """As `mixed`, with all images of a group of one class, half of the groups positive."""
    _, members, *rest = mixed(rng, groups, images, icc, distance)
    return rng.permutation(np.arange(groups) % 2)[members], members, *rest


def alone(rng, positives, negatives, distance):
    """Independent images."""
    labels = np.repeat([1, 0], [positives, negatives])
    return labels, np.arange(len(labels)), 0.0, distance


def settings() -> dict:
    """The simulated test sets by name."""
    found = {}
    for kind in (mixed, patients):
        for groups, images, icc in ((5, 30, 0.4), (8, 20, 0.4), (12, 12, 0.4), (20, 8, 0.4)):
            if kind is mixed or groups > 5:
                name = f"{groups} groups of {images}, {kind.__name__}, icc {icc}"
                found[name] = partial(kind, groups=groups, images=images, icc=icc, distance=1.5)
        name = f"15 groups of 1 to 40, {kind.__name__}, icc 0.6"
        found[name] = partial(kind, groups=15, images=0, icc=0.6, distance=1.5)
    found["20 groups of 8, patients, icc 0.4, AUC 0.98"] = partial(
        patients, groups=20, images=8, icc=0.4, distance=3.0
    )
    for positives, negatives, distance in (
        (15, 15, 2.0), (80, 80, 2.7), (80, 80, 3.3), (10, 100, 2.0), (10, 100, 2.7), (5, 100, 1.5),
    ):  # fmt: skip
        found[f"{positives} + {negatives} independent images, distance {distance}"] = partial(
            alone, positives=positives, negatives=negatives, distance=distance
        )
    return found


def scored(rng, labels, members, icc, distance) -> np.ndarray:
    """Probabilities that are calibrated where icc is 0."""
    shared, own = rng.normal(size=members.max() + 1)[members], rng.normal(size=len(labels))
    scores = distance * (labels - 0.5) + np.sqrt(icc) * shared + np.sqrt(1 - icc) * own
    return expit(distance * scores)


def truth(rng, setting) -> dict[str, float]:
    """Every metric of a large test set of independent images with the same share of positives."""
    labels, _, _, distance = setting(rng)
    share = labels.mean() if setting.func is alone else 0.5
    many = (rng.random(200_000) < share).astype(int)
    return metrics.evaluate(many, scored(rng, many, np.arange(len(many)), 0.0, distance), 0.5)


def coverage(setting, studies: int, seed: int) -> dict[str, float]:
    """Share of the defined intervals that hold the truth, by metric, and of the undefined ones."""
    rng = np.random.default_rng(seed)
    true, rows = truth(rng, setting), []
    for _ in range(studies):
        labels, members, icc, distance = setting(rng)
        probabilities = scored(rng, labels, members, icc, distance)
        rows.append(
            evaluation_report.assess(labels, probabilities, members, 0.5).set_index("metric")
        )
    found = {}
    for name in SHOWN:
        low, high = (np.array([row.loc[name, end] for row in rows]) for end in ("low", "high"))
        defined = np.isfinite(low)
        held = (low <= true[name]) & (true[name] <= high)
        found[name] = f"{held[defined].mean():.1%}" if defined.any() else "-"
        if not defined.all():
            found[name] += f" ({1 - defined.mean():.0%} undefined)"
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    evaluation_report.REPLICATES = options.replicates
    rows = {}
    for name, setting in settings().items():
        rows[name] = coverage(setting, options.studies, options.seed)
        print(name, rows[name], flush=True)
    table = pd.DataFrame(rows).T
    print("| test set | " + " | ".join(table.columns) + " |")
    print("|---|" + "---|" * len(table.columns))
    for name, row in table.iterrows():
        print(f"| {name} | " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
