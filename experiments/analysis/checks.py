"""Checks of the conditions under which a study's verdict can be trusted."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.analysis.number_format import interval, number
from experiments.design.enough import (
    ENOUGH_GENERATORS,
    ENOUGH_SEEDS,
    enough_generators,
    enough_seeds,
)
from experiments.design.study import Study

ENOUGH_GROUPS = 10
MAX_RATIO = 2  # standard deviation between generators to that between trainings
COVERED = {1: 88, 2: 93}  # percent of 95 % intervals, by the generators' df (docs/benchmarks.md)
MAX_COPY_FRACTION = 0.05  # the copy test is wrong for about one image in a hundred


class StudyTables(NamedTuple):
    """The tables of a study that its checks and its verdict are made from.

    Attributes:
        deltas: Table of `analysis.deltas.deltas_table`.
        headline: Table of `analysis.deltas.headline_table`.
        baseline: Table of `analysis.results.baseline_table`.
        trials: One row for each trial.
        sets: One row for each set of synthetic images (see `running.synthetic_record.table`), with
            the column `unlike_real`: why its images are not like real ones, or "".
        real: The word for images that no generator of the study made: "real", or "simulated" for a
            phantom's.
    """

    deltas: pd.DataFrame
    headline: pd.DataFrame
    baseline: pd.DataFrame
    trials: pd.DataFrame
    sets: pd.DataFrame
    real: str = "real"

    def primary(self, study: Study) -> list[dict]:
        """The deltas of the primary metric, mean of the classifiers.

        Args:
            study: The study.

        Returns:
            One row of `deltas` for each compared arm.
        """
        headline = (self.deltas["metric"] == study.primary_metric) & (
            self.deltas["classifier"] == "all"
        )
        return self.deltas[headline].to_dict("records")


class Check(NamedTuple):
    """The result of one check.

    Attributes:
        name: What must hold.
        passed: Whether it does.
        text: What was measured, and the rule.
    """

    name: str
    passed: bool
    text: str


def check(study: Study, tables: StudyTables) -> list[Check]:
    """Run all checks that apply to a study.

    Args:
        study: The study.
        tables: Its tables.

    Returns:
        The checks, passed or not.
    """
    checks = [
        _beats_chance(study, tables),
        _no_constant_network(tables),
        _training_improved(tables),
        _enough_seeds(study),
        _enough_test_groups(tables),
        _intervals_defined(study, tables),
    ]
    if len(tables.sets):
        checks += [_like_real(tables), _no_copies(tables), _enough_generators(study)]
    checks += _generators_agree(study, tables)
    return checks + _controls(study, tables)


def unlike_real(sets: pd.DataFrame) -> list[str]:
    """The reasons why synthetic images are not like real ones.

    Args:
        sets: One row for each set of synthetic images, with the column `unlike_real`.

    Returns:
        The reasons, if at least half of the sets have one, else an empty list.
    """
    reasons = sets["unlike_real"].astype(str) if len(sets) else pd.Series(dtype=str)
    failed = reasons[reasons != ""]
    return failed.tolist() if len(failed) and len(failed) >= len(sets) / 2 else []


def _beats_chance(study: Study, tables: StudyTables) -> Check:
    rows = tables.baseline.to_dict("records")
    rows = [row for row in rows if row["classifier"] != "all"]
    failing = [row for row in rows if not row["beats_chance"]]
    shown = "; ".join(
        f"{row['classifier']} {row['value']:.2f} ({_interval_text(row)})" for row in failing or rows
    )
    images = f"on {tables.real} images alone"
    if failing:
        text = (
            f"{len(failing)} of {len(study.classifiers)} classifiers, trained {images}, did not "
            f"beat chance on the test images: ROC AUC of {shown}. Their comparisons say little."
        )
    else:
        text = f"Trained {images}, every classifier beats chance: ROC AUC of {shown}."
    return Check("The classifiers learned", not failing, text)


def _interval_text(row: dict) -> str:
    return f"{row['low']:.2f} to {row['high']:.2f}" if np.isfinite(row["low"]) else "no interval"


def _no_constant_network(tables: StudyTables) -> Check:
    trials = _flagged_trials(tables.trials, "constant")
    text = "Every trained network gives different images different probabilities."
    if trials:
        text = (
            f"{_some(trials)} gave all test images the same probability: nothing was learned, "
            "and the metrics of these arms are affected."
        )
    return Check("No network is constant", not trials, text)


def _training_improved(tables: StudyTables) -> Check:
    trials = _flagged_trials(tables.trials, "kept_first")
    text = "In every trial the weights that were kept come after the first evaluation."
    if trials:
        text = (
            f"{_some(trials)} kept the weights of the first evaluation: every later evaluation was "
            "worse by more than one standard error (or constant). Try a lower learning rate or "
            "more validation images."
        )
    return Check("Training improved every network", not trials, text)


def _flagged_trials(trials: pd.DataFrame, column: str) -> list[str]:
    flagged = trials[trials[column].fillna(False).astype(bool)] if column in trials else trials[:0]
    return [f"{r['arm']} {r['classifier']} seed {r['seed']}" for r in flagged.to_dict("records")]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{len(names)} {'trial' if len(names) == 1 else 'trials'} ({', '.join(names[:3])}{more})"


def _enough_seeds(study: Study) -> Check:
    count = len(study.seeds)
    if enough_seeds(study):
        return Check("Enough seeds", True, f"{count} seeds; at least {ENOUGH_SEEDS} are needed.")
    return Check(
        "Enough seeds",
        False,
        f"Only {count} {'seed' if count == 1 else 'seeds'}: with fewer than {ENOUGH_SEEDS} "
        "the error rate of a verdict exceeds the nominal level. Take it as a pilot.",
    )


def _enough_test_groups(tables: StudyTables) -> Check:
    groups = int(tables.deltas["test_groups"].iloc[0])
    if groups >= ENOUGH_GROUPS:
        text = (
            f"{groups} test groups in the class with fewer groups; at least {ENOUGH_GROUPS} are "
            "needed."
        )
    elif groups < 2:
        text = (
            "All test images of a class are of one group: variance between groups cannot be "
            "estimated."
        )
    else:
        text = (
            f"Only {groups} test groups in the class with fewer groups: with fewer than "
            f"{ENOUGH_GROUPS} the error rate of a verdict exceeds the nominal level."
        )
    return Check("Enough test groups", groups >= ENOUGH_GROUPS, text)


def _intervals_defined(study: Study, tables: StudyTables) -> Check:
    rows = tables.primary(study)
    undefined = [row["arm"] for row in rows if not np.isfinite(row["error"])]
    text = "Every change of the primary metric has an interval."
    if undefined:
        reason = "the test images are too few (or perfectly separated)"
        if len(study.seeds) == 1:
            reason = "with one seed the variance between seeds is unknown"
        text = f"No interval can be given for {', '.join(undefined)}: {reason}."
    return Check("Intervals are defined", not undefined, text)


def _like_real(tables: StudyTables) -> Check:
    name, failed = f"Synthetic images are like {tables.real} ones", unlike_real(tables.sets)
    sets = tables.sets
    coverage = (
        f"coverage {sets['coverage-texture'].mean():.2f}, {tables.real} against {tables.real} "
        f"{sets['coverage-texture reference'].mean():.2f}"
    )
    if failed:
        return Check(name, False, f"{len(failed)} of {len(sets)} sets are not: {failed[0]}")
    return Check(name, True, f"Mean of {len(sets)} sets: {coverage}.")


def _no_copies(tables: StudyTables) -> Check:
    fraction = tables.sets["copies"].max()
    text = (
        f"At most {fraction:.0%} of a set are near-duplicates of training images; "
        f"more than {MAX_COPY_FRACTION:.0%} would be too many."
    )
    if not fraction <= MAX_COPY_FRACTION:
        text = (
            f"{fraction:.0%} of a set of synthetic images are near-duplicates of training images "
            f"(more than {MAX_COPY_FRACTION:.0%}): they bring little that is new, and may not be "
            "shared."
        )
    return Check("Synthetic images are not copies", bool(fraction <= MAX_COPY_FRACTION), text)


def _enough_generators(study: Study) -> Check:
    count, splits = len(study.generator.seeds), len(study.splits())
    enough = enough_generators(study)
    trained = f"{count} {'generator' if count == 1 else 'generators'}"
    if splits > 1:
        trained += f" in each of {splits} {study.split_word()}"
    rule = f"at least {ENOUGH_GENERATORS} are needed, or 2 in each fold"
    text = f"{trained}; {rule}."
    if count == 1 and not enough:
        text = (
            f"{trained}: the verdict would be about these images alone. The intervals do not "
            f"include variance between generators (generator.seeds in the study trains several; "
            f"{rule})."
        )
    elif not enough:
        text = f"{trained} leave one degree of freedom; {rule}."
    return Check("Enough generators", enough, text)


def _generators_agree(study: Study, tables: StudyTables) -> list[Check]:
    """A failed check if few generators differ so much that intervals hold the truth too rarely."""
    for row in tables.primary(study):
        df = row["folds"] * (row["generators"] - 1)
        training = row["variance_seeds"] + row["variance_residual"]
        if df in COVERED and row["variance_generators"] > MAX_RATIO**2 * training:
            text = (
                f"The {row['folds'] * row['generators']} generators of {row['arm']} differ more "
                f"than {MAX_RATIO} times as much as trainings of a classifier do: where so few do, "
                f"a 95 % interval may hold the truth in {COVERED[df]} % of studies alone. Train "
                "more of them, or some in each of several folds."
            )
            return [Check("Generators agree", False, text)]
    return []


def _controls(study: Study, tables: StudyTables) -> list[Check]:
    """Check that control arms do not help: duplicates, and synthetic images with shuffled labels.

    Intervals are not adjusted for the number of controls. Only `helps` fails one: a control without
    effect fails with a probability of (1 - confidence) / 2 at most, 2.5 % at 95 %.
    """
    arms = {arm.name: arm for arm in study.parsed_arms()}
    checks = []
    for row in tables.primary(study):
        arm = arms[row["arm"]]
        if not (arm.shuffled or (arm.duplicated and not arm.synthetic and not arm.oracle)):
            continue
        helps = row["verdict"] == "helps"
        change = f"{number(row['delta'], True)} ({interval(row)})"
        text = f"{arm.name} against {row['reference']}: {change}. It brings nothing new" + (
            ", and must not help." if helps else "."
        )
        checks.append(Check(f"Control {arm.name}", not helps, text))
    return checks
