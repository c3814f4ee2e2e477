"""The verdict in words."""

import numpy as np
import pandas as pd

from experiments.study import Study

ENOUGH_SEEDS = 5
ENOUGH_GENERATORS = 3
ENOUGH_GROUPS = 10


def conclude(study: Study, deltas: pd.DataFrame) -> dict:
    """The verdict in words, with the arms it rests on and what it does not cover."""
    tested = [arm.name for arm in study.parsed_arms() if arm.tested and arm.real]
    shown = deltas[(deltas["metric"] == study.primary_metric) & (deltas["classifier"] == "all")]
    by_arm = {row["arm"]: row for row in shown.to_dict("records")}
    notes = [
        f"Primary metric {study.primary_metric}, margin {study.margin}, declared in the study.",
        "Trainings are analysed as readers of the test images (Obuchowski and Rockette, 1995; "
        "Hillis, 2007): the intervals cover other test groups, whose part comes from "
        f"{study.bootstrap} bootstrap replicates, and other trainings. With {len(study.seeds)} "
        f"seeds there are few degrees of freedom for the latter.",
        *_about_generators(study),
        *_about_folds(study),
        "Intervals end where no change can be larger: few trainings leave them that wide. The "
        "headline intervals of the arms with synthetic images leave out zero just where Holm's "
        f"procedure at {1 - study.confidence:.2g} rejects; all others are single intervals at "
        f"{study.confidence:.0%}.",
        *_smallest(study, [by_arm[arm] for arm in tested]),
    ]
    control = next((a for a in study.arms if a.startswith("real+duplicated")), None)
    if control:
        row = by_arm[control]
        notes.append(
            f"Control: {control}, the same number of extra images without new content, changes "
            f"{study.primary_metric} by {row['delta']:+.3f} ({_interval(row)})."
        )
    warnings = [
        f"{name}, trained on real images alone, did not beat chance on the test images: its "
        "comparisons say little. It needs more steps, pretrained weights or more images."
        for name in deltas["classifier"][~deltas["real_beats_chance"]].unique()
        if name != "all"
    ]
    warnings += _about_test_images(next(iter(by_arm.values())))
    if len(study.seeds) < ENOUGH_SEEDS:
        warnings.append(
            f"{len(study.seeds)} seeds are few: below {ENOUGH_SEEDS} a study says helps or hurts "
            "wrongly more often than its confidence promises. Take it as a pilot."
        )
    if tested and len(study.generator.seeds) == 1:
        warnings.append(
            "One generator was trained: the verdict is about its images alone. How much another "
            "training of it would change the result is not in the intervals (generator.seeds in "
            "the study trains several)."
        )
    warnings += _about_different_generators([by_arm[arm] for arm in tested])
    return {
        "sentence": _sentence(study, [by_arm[arm] for arm in tested]),
        "arms": list(by_arm.values()),
        "strongest": _strongest([by_arm[arm] for arm in tested]),
        "notes": notes,
        "warnings": warnings,
    }


def _interval(row: dict) -> str:
    return f"{row['low']:+.3f} to {row['high']:+.3f}" if np.isfinite(row["low"]) else "undefined"


def _about_test_images(row: dict) -> list[str]:
    """Warnings of test images that are too few, or too easy, for an interval."""
    groups = row["test_groups"]
    if groups == 1:
        return ["All test images are of one group: what another one would change is unknown."]
    if groups < ENOUGH_GROUPS:
        return [
            f"{groups} test groups are few: below {ENOUGH_GROUPS} a study says helps or hurts "
            "wrongly more often than its confidence promises."
        ]
    if np.isfinite(row["delta"]) and not np.isfinite(row["error"]):
        return ["The test images are too few, or too easy, for an interval: none is given."]
    return []


def _about_different_generators(rows: list[dict]) -> list[str]:
    """A warning of two generators that are more than half of an arm's uncertainty."""
    for row in rows:
        count = row["generators"]
        share = row["variance_generators"] / count / row["error"] ** 2
        if 1 < count < ENOUGH_GENERATORS and share > 0.5:
            return [
                f"The {count} generators differ more than all else does ({row['arm']}): below "
                f"{ENOUGH_GENERATORS} a study then says helps or hurts wrongly more often than "
                "its confidence promises."
            ]
    return []


def _strongest(rows: list[dict]) -> str | None:
    """The arm whose change is largest, either way."""
    sizes = {row["arm"]: abs(row["delta"]) for row in rows if np.isfinite(row["delta"])}
    return max(sizes, key=sizes.get, default=None)


def _about_generators(study: Study) -> list[str]:
    count = len(study.generator.seeds)
    if count == 1:
        return []
    return [
        f"{count} generators were trained, with seeds of their own; what another one would change "
        "is in the interval."
    ]


def _about_folds(study: Study) -> list[str]:
    if not study.folds:
        return []
    return [
        f"Each seed is one repeat of {study.folds}-fold cross-validation over all images: every "
        "image is predicted once in it, by a network that saw none of its group, and metrics are "
        "of all these predictions together. Generators are trained again inside each fold. The "
        "training sets of folds overlap, which no interval here accounts for in full."
    ]


def _smallest(study: Study, rows: list[dict]) -> list[str]:
    effects = [row["smallest_effect"] for row in rows if np.isfinite(row["smallest_effect"])]
    if not effects:
        return []
    return [
        f"The smallest true change of {study.primary_metric} that this study would have found in "
        f"four of five cases is {min(effects):.3f}"
        + (f" to {max(effects):.3f}, depending on the arm." if len(effects) > 1 else ".")
    ]


def _sentence(study: Study, rows: list[dict]) -> str:
    if not rows:
        return "No arm adds synthetic images to real ones: this study cannot say if they help."
    sayings = {
        "helps": "helps",
        "hurts": "hurts",
        "equivalent": f"makes no difference that matters (within ±{study.margin})",
        "inconclusive": "is inconclusive",
    }
    parts = [
        f"{row['arm']} {sayings[row['verdict']]} ({study.primary_metric} {row['baseline']:.3f} → "
        f"{row['value']:.3f}, change {row['delta']:+.3f}, interval {_interval(row)})"
        for row in rows
    ]
    found = {row["verdict"] for row in rows}
    of_one = " of this one generator" if len(study.generator.seeds) == 1 else ""
    images = f"synthetic images{of_one}"
    if found == {"inconclusive"}:
        start = f"Inconclusive: this study cannot tell whether the {images} help or hurt."
    elif "helps" in found and "hurts" not in found:
        start = f"Adding {images} helps in at least one ratio."
    elif "hurts" in found and "helps" not in found:
        start = f"Adding {images} hurts in at least one ratio."
    elif "helps" in found:
        start = f"Adding {images} helps in one ratio and hurts in another."
    else:
        start = f"No ratio of {images} was shown to help."
    return f"{start} {'; '.join(parts)}."
