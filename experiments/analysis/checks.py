"""What must hold before a study's verdict means anything: checks, passed or failed."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.analysis.wording import interval, number
from experiments.design.study import Study

ENOUGH_SEEDS = 5
ENOUGH_GENERATORS = 3
ENOUGH_GROUPS = 10
MAX_COPY_FRACTION = 0.05  # the copy test is wrong for about one image in a hundred


class Evidence(NamedTuple):
    """The tables of a study that its checks and its verdict are made from.

    `deltas`, `baseline` and `trials` are those of `analysis.results`; `sets` has one row for each
    set of synthetic images (see `synthetic_record.table`), with `unlike_real` saying why its
    images are not like real ones, or "". `real` is the word for images that no generator of the
    study made: "real", or "simulated" for a phantom's.
    """

    deltas: pd.DataFrame
    baseline: pd.DataFrame
    trials: pd.DataFrame
    sets: pd.DataFrame
    real: str = "real"

    def primary(self, study: Study) -> list[dict]:
        """The rows of the primary metric, mean of the classifiers: one for each compared arm."""
        headline = (self.deltas["metric"] == study.primary_metric) & (
            self.deltas["classifier"] == "all"
        )
        return self.deltas[headline].to_dict("records")


class Check(NamedTuple):
    """One check: `text` says what was measured, and the rule."""

    name: str
    passed: bool
    text: str


def check(study: Study, evidence: Evidence) -> list[Check]:
    """All checks of a study that apply to it."""
    found = [
        _learned(study, evidence),
        _nothing_constant(evidence),
        _nothing_untrained(evidence),
        _seeds(study),
        _test_groups(evidence),
        _interval(study, evidence),
    ]
    if len(evidence.sets):
        found += [_like_real(evidence), _no_copies(evidence), _generators(study)]
    found += _generators_alike(study, evidence)
    return found + _controls(study, evidence)


def unlike_real(sets: pd.DataFrame) -> list[str]:
    """Why the synthetic images of at least half of the sets are not like real ones, or nothing."""
    reasons = sets["unlike_real"].astype(str) if len(sets) else pd.Series(dtype=str)
    failed = reasons[reasons != ""]
    return failed.tolist() if len(failed) and len(failed) >= len(sets) / 2 else []


def _learned(study: Study, evidence: Evidence) -> Check:
    rows = evidence.baseline.to_dict("records")
    lost = [row for row in rows if row["classifier"] != "all" and not row["beats_chance"]]
    shown = "; ".join(
        f"{row['classifier']} {row['value']:.2f} ({_interval_text(row)})"
        for row in (lost or [row for row in rows if row["classifier"] != "all"])
    )
    images = f"on {evidence.real} images alone"
    if lost:
        text = (
            f"{len(lost)} of {len(study.classifiers)} classifiers, trained {images}, did not beat "
            f"chance on the test images: ROC AUC of {shown}. Their comparisons say little."
        )
    else:
        text = f"Trained {images}, every classifier beats chance: ROC AUC of {shown}."
    return Check("The classifiers learned", not lost, text)


def _interval_text(row: dict) -> str:
    return f"{row['low']:.2f} to {row['high']:.2f}" if np.isfinite(row["low"]) else "no interval"


def _nothing_constant(evidence: Evidence) -> Check:
    trials = _names(evidence.trials, "constant")
    text = "Every trained network gives different images different probabilities."
    if trials:
        text = (
            f"{_some(trials)} gave all test images the same probability: nothing was learned, "
            "and the metrics of the affected arms contain that."
        )
    return Check("No network is constant", not trials, text)


def _nothing_untrained(evidence: Evidence) -> Check:
    trials = _names(evidence.trials, "kept_first")
    text = "In every trial the weights that were kept come after the first evaluation."
    if trials:
        text = (
            f"{_some(trials)} kept the weights of the first evaluation: training on made the "
            "validation metric no better. Fewer or smaller steps, or more validation images, would "
            "tell why."
        )
    return Check("Training improved every network", not trials, text)


def _names(trials: pd.DataFrame, column: str) -> list[str]:
    flagged = trials[trials[column].fillna(False).astype(bool)] if column in trials else trials[:0]
    return [f"{r['arm']} {r['classifier']} seed {r['seed']}" for r in flagged.to_dict("records")]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{len(names)} {'trial' if len(names) == 1 else 'trials'} ({', '.join(names[:3])}{more})"


def _seeds(study: Study) -> Check:
    count = len(study.seeds)
    if count >= ENOUGH_SEEDS:
        return Check("Enough seeds", True, f"{count} seeds; at least {ENOUGH_SEEDS} are needed.")
    return Check(
        "Enough seeds",
        False,
        f"{count} {'seed is' if count == 1 else 'seeds are'} few: below {ENOUGH_SEEDS} a study "
        "says helps or hurts wrongly more often than its confidence promises. Take it as a pilot.",
    )


def _test_groups(evidence: Evidence) -> Check:
    groups = int(evidence.deltas["test_groups"].iloc[0])
    name, rule = "Enough test groups", f"below {ENOUGH_GROUPS} a study says helps or hurts wrongly"
    if groups >= ENOUGH_GROUPS:
        text = f"{groups} test groups hold the rarer class; at least {ENOUGH_GROUPS} are needed."
    elif groups < 2:
        text = (
            "All test images of a class are of one group: what another one would change is unknown."
        )
    else:
        text = (
            f"{groups} test groups with images of the rarer class are few: {rule} more often than "
            "its confidence promises."
        )
    return Check(name, groups >= ENOUGH_GROUPS, text)


def _interval(study: Study, evidence: Evidence) -> Check:
    rows = evidence.primary(study)
    lost = [row["arm"] for row in rows if not np.isfinite(row["error"])]
    text = "Every change of the primary metric has an interval."
    if lost:
        text = (
            f"No interval can be given for {', '.join(lost)}: the test images are too few, or too "
            "easy."
        )
    return Check("Intervals are defined", not lost, text)


def _like_real(evidence: Evidence) -> Check:
    name, failed = f"Synthetic images are like {evidence.real} ones", unlike_real(evidence.sets)
    sets = evidence.sets
    coverage = (
        f"coverage {sets['coverage-texture'].mean():.2f}, {evidence.real} against {evidence.real} "
        f"{sets['coverage-texture reference'].mean():.2f}"
    )
    if failed:
        return Check(name, False, f"{len(failed)} of {len(sets)} sets are not: {failed[0]}")
    return Check(name, True, f"Mean of {len(sets)} sets: {coverage}.")


def _no_copies(evidence: Evidence) -> Check:
    share = evidence.sets["copies"].max()
    text = (
        f"At most {share:.0%} of a set are near-duplicates of training images; "
        f"more than {MAX_COPY_FRACTION:.0%} would be too many."
    )
    if not share <= MAX_COPY_FRACTION:
        text = (
            f"{share:.0%} of a set of synthetic images are near-duplicates of training images "
            f"(more than {MAX_COPY_FRACTION:.0%}): they bring little that is new, and may not be "
            "shared."
        )
    return Check("Synthetic images are not copies", bool(share <= MAX_COPY_FRACTION), text)


def _generators(study: Study) -> Check:
    count = len(study.generator.seeds)
    if count == 1:
        text = (
            "One generator was trained: the verdict is about its images alone. How much another "
            "training of it would change the result is not in the intervals (generator.seeds in "
            "the study trains several)."
        )
    elif count < ENOUGH_GENERATORS:
        text = f"{count} generators leave one degree of freedom: {ENOUGH_GENERATORS} are enough."
    else:
        text = f"{count} generators; at least {ENOUGH_GENERATORS} are needed."
    return Check("Enough generators", count >= ENOUGH_GENERATORS, text)


def _generators_alike(study: Study, evidence: Evidence) -> list[Check]:
    """Of two generators: whether they are more than half of an arm's uncertainty."""
    for row in evidence.primary(study):
        count = row["generators"]
        share = row["variance_generators"] / count / row["error"] ** 2
        if 1 < count < ENOUGH_GENERATORS and share > 0.5:
            text = (
                f"The {count} generators differ more than all else does ({row['arm']}): below "
                f"{ENOUGH_GENERATORS} a study then says helps or hurts wrongly more often than "
                "its confidence promises."
            )
            return [Check("Generators agree", False, text)]
    return []


def _controls(study: Study, evidence: Evidence) -> list[Check]:
    """That no arm helps which brings nothing new: copies, and synthetic images with random labels.

    Such an arm is judged at its single interval; one in twenty or so fails by chance.
    """
    arms = {arm.name: arm for arm in study.parsed_arms()}
    found = []
    for row in evidence.primary(study):
        arm = arms[row["arm"]]
        if not (arm.shuffled or (arm.duplicated and not arm.synthetic and not arm.oracle)):
            continue
        helps = row["verdict"] == "helps"
        change = f"{number(row['delta'], True)} ({interval(row)})"
        text = f"{arm.name} against {row['reference']}: {change}. It brings nothing new" + (
            ", and must not help." if helps else "."
        )
        found.append(Check(f"Control {arm.name}", not helps, text))
    return found
