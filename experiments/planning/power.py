"""Power analysis: how many runs an effect needs, with a finished study as the pilot."""

import numpy as np
import pandas as pd

from experiments import statistics
from experiments.design.enough import ENOUGH_GENERATORS, ENOUGH_SEEDS
from experiments.design.study import Study

SEEDS = (ENOUGH_SEEDS, 10, 20, 50)  # fewer are pilots, without a verdict
GENERATORS = (ENOUGH_GENERATORS, 5, 10)


def describe(study: Study, rows: pd.DataFrame, effect: float) -> str:
    """Describe what studies of other sizes detect, and the smallest that detects an effect.

    Variance components are those of the headline comparison, or means over the rows; with few runs
    they are rough.

    Args:
        study: The study.
        rows: Of its finished run: the headline (see `analysis.deltas.headline_table`), or where it
            has none, the arms in the primary metric, mean of the classifiers.
        effect: Change of the primary metric to be detected.

    Returns:
        Text with a table of minimum detectable effects.
    """
    parts = [rows[f"variance_{name}"].mean() for name in statistics.Components._fields]
    if not np.isfinite(parts).all() or rows["seeds"].min() < 2:
        return "The finished run has too few seeds for a power analysis."
    first = rows.iloc[0]
    components, groups = statistics.Components(*parts), int(first["test_groups"])
    confidence = 1 - (1 - study.confidence) / len(rows)
    counts = GENERATORS if rows["generators"].min() > 1 else (1,)
    folds = int(first["folds"])

    def detectable(generators: int, seeds: int) -> float:
        expected = statistics.expected_estimate(components, generators, seeds, groups, folds)
        return expected.minimum_detectable_effect(confidence)

    table = pd.DataFrame(
        {
            f"{g} generator{'s' * (g > 1)}": [f"{detectable(g, s):.3f}" for s in SEEDS]
            for g in counts
        },
        index=pd.Index([f"{s} seeds" for s in SEEDS]),
    )
    compared = "the headline" if len(rows) == 1 else f"family of {len(rows)} arms"
    each = f"; generators of each of {folds} folds" if folds > 1 else ""
    lines = [
        f"From the finished run: minimum detectable effect on {study.primary_metric} with "
        f"{statistics.POWER:.0%} power ({compared}{each})",
        table.to_string(),
    ]
    if len(counts) == 1:
        lines.append(
            "With one generator the variance between generators is unknown, and an arm with "
            f"synthetic images has no verdict with fewer than {ENOUGH_GENERATORS}."
        )
    enough = [(g * s, g, s) for g in counts for s in SEEDS if detectable(g, s) <= effect]
    if enough:
        _, generators, seeds = min(enough)
        plural = "s" * (generators > 1)
        in_folds = " in each fold" if folds > 1 else ""
        lines.append(
            f"A change of {effect:g} needs {seeds} seeds and {generators} generator{plural}"
            f"{in_folds}."
        )
    else:
        test_images = statistics.Components(0.0, 0.0, 0.0, components.groups)
        limit = statistics.expected_estimate(test_images, 1, 2, groups)
        ratio = (limit.minimum_detectable_effect(confidence) / effect) ** 2
        lines.append(
            f"A change of {effect:g} cannot be detected with these test images: about {ratio:.1f} "
            "times as many are needed, and more seeds and generators than shown."
            if ratio > 1
            else f"A change of {effect:g} needs more seeds or generators than shown."
        )
    return "\n".join(lines)
