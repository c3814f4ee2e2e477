"""The fidelity gate: are synthetic images like the real ones at all?

Whoever fails it learned next to nothing, and what a classifier makes of such images says nothing of
synthetic images in general. It is no seal of quality. Both limits were set on the public BUSI
breast ultrasound set at 64 px (docs/benchmarks.md):

- `LEAST_COVERAGE`: unseen real images have the coverage of the reference; images of 5 different
  ones a class a seventh of it, noise, averages and images blurred by 0.7 px a sixtieth or nothing.
- `MOST_KD`, for KD-texture alone, whose scale is that of the real images' own variation: unseen
  real images differ from the reference by less than 0.1, blur of 0.7 px by 8, averages of 20 images
  by 15, noise by more than 100.
"""

import numpy as np
import pandas as pd

LEAST_COVERAGE = 1 / 3
MOST_KD = 5.0


def failures(fidelity: pd.DataFrame) -> list[str]:
    """Sentences why images are not like the real ones; none where they pass.

    `fidelity` is the table of `ufgen.fidelity.measure`, of which the scope "all" is read: each
    coverage against its real-against-real reference, and KD-texture. A number or a reference that
    is undefined, as for few images, fails nothing.
    """
    whole = fidelity[fidelity["scope"] == "all"].set_index("metric")
    found = []
    for metric, row in whole.iterrows():
        value, reference = float(row["value"]), float(row["reference"])
        if metric.startswith("coverage-") and value < LEAST_COVERAGE * reference:
            found.append(
                f"{metric} is {value:.2f}, less than a third of the {reference:.2f} that real "
                "images reach: most kinds of real images have no synthetic counterpart."
            )
        if metric == "KD-texture" and value > reference + MOST_KD:
            found.append(
                f"KD-texture is {value:.3g}, against {reference:.2g} between real images "
                f"(limit: {MOST_KD:g} more): their texture is another."
            )
    return found


def verdict(fidelity: pd.DataFrame) -> str:
    """One line: like the real images, not like them and why, or not measured."""
    whole = fidelity[fidelity["scope"] == "all"]
    if reasons := failures(fidelity):
        return "NOT LIKE THE REAL IMAGES: " + " ".join(reasons)
    if not np.isfinite(whole[["value", "reference"]].astype(float)).all(axis=1).any():
        return "too few images to say whether they are like the real ones"
    return "the fidelity gate is passed: coverage and KD-texture are within its limits"
