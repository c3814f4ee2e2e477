"""The fidelity gate: are synthetic images like the original ones at all?

Images that fail it say that the generator learned next to nothing; what a classifier makes of them
says nothing of synthetic images in general. Passing is no seal of quality. Both limits were set on
the public BUSI breast ultrasound set at 64 px (docs/benchmarks.md):

- `LEAST_COVERAGE`: unseen real images have the coverage of the reference; five different images a
  class have a seventh of it; noise, averages and images blurred by 0.7 px a sixtieth or less.
- `MOST_KD`, for KD-texture alone, whose unit is the real images' own variation: unseen real images
  differ from the reference by less than 0.1, those blurred by 0.7 px by 8, averages of 20 images by
  15, noise by more than 100.
"""

import pandas as pd

LEAST_COVERAGE = 1 / 3
MOST_KD = 5.0


def failures(fidelity: pd.DataFrame) -> list[str]:
    """Sentences why images are not like the original ones; none where they pass.

    `fidelity` is the table of `fidelity_table`, of which the scope "all" is read: each
    coverage against its real-against-real reference, and KD-texture. A number or a reference that
    is undefined, as for few images, fails nothing.
    """
    found = []
    for row in _judged(fidelity).to_dict("records"):
        metric, value, reference = row["metric"], row["value"], row["reference"]
        if metric == "KD-texture" and value > reference + MOST_KD:
            found.append(
                f"{metric} is {value:.3g}, against {reference:.2g} between original images (limit: "
                f"{MOST_KD:g} more): their texture is another."
            )
        elif metric != "KD-texture" and value < LEAST_COVERAGE * reference:
            found.append(
                f"{metric} is {value:.2f}, less than a third of the {reference:.2f} that original "
                "images reach: most of these have no synthetic image like them."
            )
    return found


def verdict(fidelity: pd.DataFrame) -> str:
    """One line: like the original images, not like them and why, or not measured."""
    if reasons := failures(fidelity):
        return "NOT LIKE THE ORIGINAL IMAGES: " + " ".join(reasons)
    if not len(_judged(fidelity)):
        return "too few images to say whether they are like the original ones"
    return "fidelity gate passed: coverage and KD-texture are within their limits"


def _judged(fidelity: pd.DataFrame) -> pd.DataFrame:
    """The rows that the gate reads, where they are defined."""
    metrics = fidelity["metric"].str
    read = metrics.startswith("coverage-") | (fidelity["metric"] == "KD-texture")
    chosen = fidelity[read & (fidelity["scope"] == "all")]
    return chosen.dropna(subset=["value", "reference"])
