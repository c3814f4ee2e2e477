"""The change of every arm against its reference, and the headline comparison."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd

from classifiers.evaluation import metrics
from experiments import statistics
from experiments.analysis import paired_tests
from experiments.analysis.scores import Scores
from experiments.design.arms import Arm, parse
from experiments.design.enough import enough_generators, enough_seeds
from experiments.design.study import Study

WORSE = {"helps": "hurts", "hurts": "helps"}


class Compared(NamedTuple):
    """The scores of an arm and of its reference in one metric, (1 + B, K, G, S) each.

    The reference of an arm with synthetic images has one "generator", since it has none.

    Attributes:
        value: Those of the arm.
        baseline: Those of the reference.
    """

    value: np.ndarray
    baseline: np.ndarray

    @property
    def deltas(self) -> np.ndarray:
        """Arm minus reference, (1 + B, K, G, S)."""
        return self.value - self.baseline


def deltas_table(
    study: Study,
    scores: Scores,
    unlike_real: bool = False,
    confidence: float | None = None,
    decided: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """Compare every arm with its reference.

    Deltas are paired: the same seed, the same bootstrap samples of the test groups (see
    `statistics.estimate_family`). In the primary metric, mean of the classifiers ("all"), each arm
    has a `verdict`; all other rows are exploratory, with unadjusted intervals. The arms with
    synthetic images but the one that is the headline itself are a family, over which claims of a
    difference and of equivalence are controlled (see `statistics.family_verdicts`). The verdict is
    `not interpretable` where the reference does not beat chance, and where synthetic images are
    unlike real ones: all arms would look alike. With too few seeds or generators it is `pilot`: the
    error rate of any other would exceed the nominal level.

    Args:
        study: The study.
        scores: Scores of its trials.
        unlike_real: Whether the synthetic images are not like real ones.
        confidence: Confidence level of the verdicts; by default the study's.
        decided: Arms whose verdict is in from an earlier look: they have none here, and count in
            their family as `statistics.family_verdicts` says.

    Returns:
        One row for each compared arm, metric, and classifier or mean of all ("all").
    """
    rows = []
    for classifier, members in members_by_name(study).items():
        for metric in metrics.NAMES:
            rows += _rows(study, scores, members, metric, {"classifier": classifier})
    headline = study.headline or [arm.name for arm in study.headline_arms()]
    single = headline[0] if len(headline) == 1 else ""
    primary = [row for row in rows if row["classifier"] == "all"]
    primary = [row for row in primary if row["metric"] == study.primary_metric]
    primary = [row for row in primary if row["arm"] not in decided]
    tested = {arm.name for arm in study.parsed_arms() if arm.tested} - {single}
    level = confidence or study.confidence
    earlier = [word for arm, word in decided.items() if parse(arm).tested and arm != single]
    _decide(study, [row for row in primary if row["arm"] in tested], level, earlier)
    for row in primary:
        if row["arm"] not in tested:
            _decide(study, [row], level)
    arms = {arm.name: arm for arm in study.parsed_arms()}
    for row in primary:
        arm = arms[row["arm"]]
        row["verdict"] = _verdict(study, row, unlike_real and arm.tested, arm.synthetic > 0)
    order = {arm: number for number, arm in enumerate(study.arms)}
    names = {name: number for number, name in enumerate(members_by_name(study))}
    rows.sort(key=lambda row: (order[row["arm"]], names[row["classifier"]]))
    return pd.DataFrame([_finished(study, row) for row in rows])


def headline_table(
    study: Study, scores: Scores, unlike_real: bool = False, confidence: float | None = None
) -> pd.DataFrame:
    """The study's one headline comparison: the mean change of its headline arms, unadjusted.

    Args:
        study: The study.
        scores: Scores of its trials.
        unlike_real: Whether the synthetic images are not like real ones.
        confidence: Confidence level of the verdict; by default the study's.

    Returns:
        A row as in `deltas_table`, of the primary metric and the mean of the classifiers; the names
        of several arms and references are joined by commas. Empty where no arm adds synthetic
        images to real ones.
    """
    arms = study.headline_arms()
    if not arms:
        return pd.DataFrame()
    references = [study.reference_of(arm) for arm in arms]
    members = [classifier.name for classifier in study.classifiers]
    mean = _headline_scores(study, scores)
    chances = [against_chance(scores, one, members, study.confidence) for one in references]
    row = {
        "arm": ", ".join(arm.name for arm in arms),
        "reference": ", ".join(dict.fromkeys(one.name for one in references)),
        "reference_beats_chance": all(one["beats_chance"] for one in chances),
        "classifier": "all",
        "metric": study.primary_metric,
    }
    row |= _described(study, scores, mean, study.primary_metric)
    row["estimate"] = _estimate(scores, [mean])[0]
    _decide(study, [row], confidence or study.confidence)
    row["verdict"] = _verdict(study, row, unlike_real, synthetic=True)
    return pd.DataFrame([_finished(study, row)])


def headline_estimate(study: Study, scores: Scores) -> statistics.Estimate:
    """Estimate the headline comparison alone.

    Args:
        study: A study with an arm that adds synthetic images to real ones.
        scores: Scores of its trials.

    Returns:
        The estimate of the mean change of its headline arms.
    """
    return _estimate(scores, [_headline_scores(study, scores)])[0]


def _headline_scores(study: Study, scores: Scores) -> Compared:
    """The mean over the headline arms."""
    members = [classifier.name for classifier in study.classifiers]
    arms = study.headline_arms()
    compared = [_compare(study, scores, arm, members, study.primary_metric) for arm in arms]
    return Compared(*(np.mean(parts, axis=0) for parts in zip(*compared, strict=True)))


def members_by_name(study: Study) -> dict[str, list[str]]:
    """The classifiers behind each name in the tables.

    Args:
        study: The study.

    Returns:
        All of them behind "all", then each alone.
    """
    names = [classifier.name for classifier in study.classifiers]
    return {"all": names} | {name: [name] for name in names}


def against_chance(scores: Scores, arm: Arm, members: list[str], confidence: float) -> dict:
    """Compare the ROC AUC of an arm with chance.

    Where there is no interval (constant or perfect networks) every run must be above 0.5, also on
    the proportion `confidence` of the bootstrap samples.

    Args:
        scores: Scores of the study's trials.
        arm: The arm.
        members: Names of the classifiers, whose scores are averaged.
        confidence: Confidence level of the interval.

    Returns:
        value, low, high, and beats_chance: whether the area is shown to be above 0.5.
    """
    areas = scores.of(arm, members, "roc_auc")
    result = statistics.estimate(areas[0], areas[1:], scores.groups)
    low, high = np.clip(result.interval(confidence), 0, 1)
    above = bool(low > 0.5)
    if np.isnan(low):
        runs = areas.mean(axis=1)
        defined = runs[np.isfinite(runs).all(axis=(1, 2))]
        smallest = defined.min(axis=(1, 2)) if len(defined) else np.zeros(1)
        above = bool(np.isfinite(runs[0]).all() and (smallest > 0.5).mean() >= confidence)
    return {"value": result.delta, "low": low, "high": high, "beats_chance": above}


def _rows(
    study: Study, scores: Scores, members: list[str], metric: str, columns: dict
) -> list[dict]:
    """One row for each compared arm; those with synthetic images are estimated together."""
    rows = []
    for synthetic in (True, False):
        arms = [arm for arm in study.compared_arms() if (arm.synthetic > 0) == synthetic]
        compared = [_compare(study, scores, arm, members, metric) for arm in arms]
        estimates = _estimate(scores, compared)
        for arm, pair, estimate in zip(arms, compared, estimates, strict=True):
            reference = study.reference_of(arm)
            chance = against_chance(scores, reference, members, study.confidence)
            row = {"arm": arm.name, "reference": reference.name} | columns
            row["reference_beats_chance"] = chance["beats_chance"]
            row |= {"metric": metric} | _described(study, scores, pair, metric)
            rows.append(row | {"estimate": estimate})
    return rows


def _compare(study: Study, scores: Scores, arm: Arm, members: list[str], metric: str) -> Compared:
    reference = study.reference_of(arm)
    return Compared(*(scores.of(one, members, metric) for one in (arm, reference)))


def _estimate(scores: Scores, compared: list[Compared]) -> list[statistics.Estimate]:
    if not compared:
        return []
    deltas = np.stack([pair.deltas for pair in compared], axis=1)  # (1 + B, A, K, G, S)
    return statistics.estimate_family(deltas[0], deltas[1:], scores.groups)


def _described(study: Study, scores: Scores, pair: Compared, metric: str) -> dict:
    """What a row says of the runs themselves: means, effect sizes and numbers."""
    value, baseline = (part[0].mean(axis=0) for part in pair)  # (G, S)
    better = (baseline, value) if metric in metrics.LESS_IS_BETTER else (value, baseline)
    _, folds, generators, seeds = pair.value.shape
    return {
        "baseline": baseline.mean(),
        "value": value.mean(),
        "cohens_d": paired_tests.cohens_d(value - baseline),
        "probability_of_improvement": paired_tests.probability_of_improvement(*better),
        "folds": folds,
        "generators": generators,
        "seeds": seeds,
        "test_groups": scores.groups,
    }


def _decide(study: Study, rows: list[dict], confidence: float, decided: Sequence[str] = ()) -> None:
    """Add verdict, confidence and p_holm to rows of one family, of which some are decided."""
    estimates = [row["estimate"] for row in rows]
    others = [1.0] * sum(word == "equivalent" for word in decided)
    adjusted = statistics.holm([*(one.p_value() for one in estimates), *others])[: len(rows)]
    verdicts = statistics.family_verdicts(estimates, study.margin, confidence, decided)
    for row, verdict, p in zip(rows, verdicts, adjusted, strict=True):
        word, confidence, *_ = verdict
        if row["metric"] in metrics.LESS_IS_BETTER:
            word = WORSE.get(word, word)
        p_holm = p if len(rows) + len(decided) > 1 else np.nan
        row |= {"verdict": word, "confidence": confidence, "p_holm": p_holm}


def _verdict(study: Study, row: dict, unlike_real: bool, synthetic: bool) -> str:
    if unlike_real or not row["reference_beats_chance"]:
        return "not interpretable"
    if not enough_seeds(study) or (synthetic and not enough_generators(study)):
        return "pilot"
    return row["verdict"]


def _finished(study: Study, row: dict) -> dict:
    """A row of the table: the estimate's numbers, within the range of the metric."""
    estimate = row.pop("estimate")
    row = {"confidence": study.confidence, "p_holm": np.nan, "verdict": ""} | row
    largest = 2.0 if row["metric"] == "mcc" else 1.0
    low, high = np.clip(estimate.interval(row["confidence"]), -largest, largest)
    effect = estimate.minimum_detectable_effect(row["confidence"])
    hurts, equivalent, helps = estimate.probabilities(study.margin)
    gain = estimate.probability_above(0.0)
    if row["metric"] in metrics.LESS_IS_BETTER:
        hurts, helps, gain = helps, hurts, 1 - gain
    return row | {
        "delta": estimate.delta,
        "error": estimate.standard_error,
        "df": estimate.df,
        "p_value": estimate.p_value(),
        **{f"variance_{name}": part for name, part in estimate.components._asdict().items()},
        "low": low,
        "high": high,
        "minimum_detectable_effect": effect if effect <= largest else np.nan,
        "probability_hurts": hurts,
        "probability_equivalent": equivalent,
        "probability_helps": helps,
        "probability_better": gain,
    }
