"""The fidelity gate: are synthetic images like the real ones at all?

Images fail it where the generator has learned next to nothing; how they shift a classifier then
says nothing of synthetic images in general. Passing does not certify quality. Both limits were set
on the public BUSI breast ultrasound set at 64 px (docs/benchmarks.md):

- `MIN_COVERAGE_RATIO`: unseen real images have the coverage of the reference; five different images
  per class have a seventh of it; noise, averages and images blurred by 0.7 px a sixtieth or less.
- `MAX_KD_EXCESS`, for KD-texture alone, whose unit is the real images' own variation: unseen real
  images differ from the reference by less than 0.1, those blurred by 0.7 px by 8, averages of 20
  images by 15, noise by more than 100.
"""

import pandas as pd

MIN_COVERAGE_RATIO = 1 / 3
MAX_KD_EXCESS = 5.0


def failures(fidelity: pd.DataFrame) -> list[str]:
    """List the metrics by which images fail the gate.

    Args:
        fidelity: The table of `fidelity_table.measure`, of which the scope "all" is read: each
            coverage with its real-vs-real reference, and KD-texture. An undefined value or
            reference, as for few images, fails nothing.

    Returns:
        A sentence for each metric that fails; empty if the images pass.
    """
    reasons = []
    for row in _gated_rows(fidelity).to_dict("records"):
        metric, value, reference = row["metric"], row["value"], row["reference"]
        if metric == "KD-texture" and value > reference + MAX_KD_EXCESS:
            reasons.append(
                f"{metric} is {value:.3g}, its real-vs-real reference {reference:.2g} (limit: "
                f"{MAX_KD_EXCESS:g} more): their texture differs."
            )
        elif metric != "KD-texture" and value < MIN_COVERAGE_RATIO * reference:
            reasons.append(
                f"{metric} is {value:.2f}, less than a third of its real-vs-real reference "
                f"{reference:.2f}: most of the images compared have no synthetic one like them."
            )
    return reasons


def verdict(fidelity: pd.DataFrame, real: str = "real") -> str:
    """State whether the images pass the gate, and why not.

    Args:
        fidelity: The table of `fidelity_table.measure`.
        real: The word for the images compared with (see `figure_style.source_word`).

    Returns:
        One line.
    """
    if reasons := failures(fidelity):
        return f"NOT LIKE THE {real.upper()} IMAGES: " + " ".join(reasons)
    if not len(_gated_rows(fidelity)):
        return f"too few images to say whether they are like the {real} ones"
    return "fidelity gate passed: coverage and KD-texture are within their limits"


def _gated_rows(fidelity: pd.DataFrame) -> pd.DataFrame:
    """The rows that the gate reads, where they are defined."""
    metrics = fidelity["metric"].str
    gated = metrics.startswith("coverage-") | (fidelity["metric"] == "KD-texture")
    rows = fidelity[gated & (fidelity["scope"] == "all")]
    return rows.dropna(subset=["value", "reference"])
