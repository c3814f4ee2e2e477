"""From finished trials to the tables of a study: metrics, deltas and the verdict."""

from pathlib import Path

import numpy as np
import pandas as pd

from classifiers.evaluation import metrics
from experiments import statistics
from experiments.analysis import (
    checks,
    equivalent_real_images,
    paired_tests,
    paired_tests_table,
    verdict,
)
from experiments.analysis.checks import (
    ENOUGH_GENERATORS,
    ENOUGH_SEEDS,
    Check,
    StudyTables,
    unlike_real,
)
from experiments.analysis.scores import (
    RUN_COLUMNS,
    Scores,
    evaluate_trials,
    folds_of,
    predictions_of,
)
from experiments.design.arms import Arm, parse
from experiments.design.study import Study
from experiments.running.trial import PREDICTIONS
from ufgen.atomic import atomic_file
from ufgen.errors import UserError


def write(
    folder: Path,
    study: Study,
    trials: pd.DataFrame,
    predictions: pd.DataFrame,
    sets: pd.DataFrame,
    image_checks: list[Check],
    real: str = "real",
) -> dict:
    """Write all tables of the finished trials: the same bytes for the same trials.

    Args:
        folder: The study's folder.
        study: The study.
        trials: Contents of trial.json, one row for each trial.
        predictions: One row for each trial and test image.
        sets: See `StudyTables`.
        image_checks: Checks of images and trials (see `analysis.image_checks`).
        real: See `StudyTables`.

    Returns:
        The content of verdict.json.

    Raises:
        UserError: If the trials are not comparable (see `check_equal_budgets`).
    """
    check_equal_budgets(trials)
    predictions = predictions[[*RUN_COLUMNS, "fold", *PREDICTIONS]]
    if study.folds:
        trials = pool_folds(trials)
    scores = evaluate_trials(study, trials, predictions)
    deltas = deltas_table(study, scores, bool(unlike_real(sets)))
    baseline = baseline_table(study, scores)
    equivalent = equivalent_real_images.table(study, trials, scores, real)
    write_csv(
        folder,
        metrics=metrics_table(trials, predictions),
        predictions=predictions,
        deltas=deltas,
        baseline=baseline,
        paired_tests=paired_tests_table.table(study, predictions),
        equivalent_real_images=equivalent,
    )
    tables = StudyTables(deltas, baseline, trials, sets, real)
    conclusion = verdict.conclude(study, tables, checks.check(study, tables) + image_checks)
    return conclusion | {"equivalent_real_images": equivalent["text"].tolist()}


def write_csv(folder: Path, **tables: pd.DataFrame) -> None:
    """Write tables as CSV files.

    Args:
        folder: Where `NAME.csv` is written for each.
        **tables: The tables by name.
    """
    for name, table in tables.items():
        with atomic_file(folder / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False)


def pool_folds(trials: pd.DataFrame) -> pd.DataFrame:
    """Join the folds of each repeat of cross-validation.

    Args:
        trials: One row for each fold of each trial.

    Returns:
        One row for each trial: the mean of n_train and threshold; constant and kept_first if they
        hold in any fold; else the value of the first fold.
    """
    aggregated = {"n_train": lambda n: round(n.mean()), "threshold": "mean"}
    aggregated |= {"constant": "any", "kept_first": "any"}
    others = [name for name in trials.columns if name not in RUN_COLUMNS]
    by_trial = trials.groupby(list(RUN_COLUMNS), sort=False, as_index=False)
    return by_trial.agg({name: aggregated.get(name, "first") for name in others})


def metrics_table(trials: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Compute every metric of every trial.

    Args:
        trials: One row for each trial: the columns `RUN_COLUMNS`, trial, n_train, threshold.
        predictions: One row for each trial and test image.

    Returns:
        The trials with their metrics, which are NaN where undefined, and confusion matrices.
        Metrics that rank images rank them within each fold (see `metrics.evaluate`).
    """
    rows = []
    for trial in trials.to_dict("records"):
        selected = predictions_of(predictions, trial)
        labels, probabilities, thresholds = (
            selected[name].to_numpy() for name in ("target", "probability", "threshold")
        )
        counts = metrics.confusion(labels, probabilities, thresholds)
        values = metrics.evaluate(labels, probabilities, thresholds, folds=folds_of(selected))
        rows.append(trial | values | {name: int(count) for name, count in counts.items()})
    return pd.DataFrame(rows)


def check_equal_budgets(trials: pd.DataFrame) -> None:
    """Check that all arms had the same initial weights, budget and validation images.

    Args:
        trials: Contents of trial.json, one row for each trial.

    Raises:
        UserError: If the arms of a classifier and seed differ.
    """
    for name in ("steps", "batch", "initial_sha256", "validation_sha256", "precision"):
        differ = trials.groupby(["classifier", "seed", "fold"])[name].nunique() > 1
        if differ.any():
            classifier, seed, _ = differ.index[differ][0]
            raise UserError(
                f"the arms of {classifier} with seed {seed} differ in {name}: they cannot be "
                "compared. Remove the study's folder and run it again"
            )


def baseline_table(study: Study, scores: Scores) -> pd.DataFrame:
    """Compare the ROC AUC of the arm `real` with chance.

    Args:
        study: The study.
        scores: Scores of its trials.

    Returns:
        One row for each classifier and one for their mean ("all"): classifier, value, low, high,
        beats_chance.
    """
    return pd.DataFrame(
        [
            {"classifier": name} | _against_chance(scores, parse("real"), members, study.confidence)
            for name, members in _members(study).items()
        ]
    )


def deltas_table(study: Study, scores: Scores, unlike_real: bool = False) -> pd.DataFrame:
    """Compare every arm with its reference.

    Deltas are paired: the same seed, the same bootstrap samples of the test groups (see
    `statistics.estimate`). In the headline ("all" classifiers, primary metric) the intervals of the
    arms with synthetic images are adjusted by Holm's method. The headline alone has a `verdict`;
    all other rows are exploratory. The verdict is `not interpretable` where the reference does not
    beat chance, and where synthetic images are unlike real ones: all arms would look alike. With
    fewer than `ENOUGH_SEEDS` seeds, or `ENOUGH_GENERATORS` generators of an arm with synthetic
    images, it is `pilot`: the error rate of any other would exceed the nominal level.

    Args:
        study: The study.
        scores: Scores of its trials.
        unlike_real: Whether the synthetic images are not like real ones.

    Returns:
        One row for each compared arm, metric, and classifier or mean of all ("all").
    """
    rows, groups = [], _members(study)
    for arm in study.compared_arms():
        reference = study.reference_of(arm)
        for classifier, members in groups.items():
            chance = _against_chance(scores, reference, members, study.confidence)
            metadata = {"arm": arm.name, "reference": reference.name, "classifier": classifier}
            metadata["reference_beats_chance"] = chance["beats_chance"]
            for metric in metrics.NAMES:
                row = metadata | {"metric": metric}
                rows.append(row | _delta(scores, arm, reference, members, metric))
    table = pd.DataFrame(rows).assign(confidence=study.confidence, p_holm=np.nan)
    tested = [arm.name for arm in study.parsed_arms() if arm.tested]
    headline = (table["classifier"] == "all") & (table["metric"] == study.primary_metric)
    family = table.index[headline & table["arm"].isin(tested)]
    p_values = table.loc[family, "p_value"].to_numpy()
    table.loc[family, "p_holm"] = statistics.holm(p_values)
    table.loc[family, "confidence"] = statistics.holm_confidences(p_values, study.confidence)
    bounds = pd.DataFrame([_bounds(row) for row in table.to_dict("records")])
    table = pd.concat([table.drop(columns="estimate"), bounds], axis=1).assign(verdict="")
    synthetic = [arm.name for arm in study.parsed_arms() if arm.synthetic]
    table.loc[headline, "verdict"] = [
        _verdict(row, study.margin, unlike_real and row["arm"] in tested, row["arm"] in synthetic)
        for row in table[headline].to_dict("records")
    ]
    return table


def _members(study: Study) -> dict[str, list[str]]:
    """The classifiers behind each name: all of them behind "all", then each alone."""
    names = [classifier.name for classifier in study.classifiers]
    return {"all": names} | {name: [name] for name in names}


def _against_chance(scores: Scores, arm: Arm, members: list[str], confidence: float) -> dict:
    """The ROC AUC of an arm, its interval, and whether it is shown to be above 0.5.

    Where there is no interval (constant or perfect networks) every run must be above 0.5, also on
    the proportion `confidence` of the bootstrap samples.
    """
    areas = scores.of(arm, members, "roc_auc")
    result = statistics.estimate(areas[0], areas[1:], scores.groups)
    low, high = np.clip(result.interval(confidence), 0, 1)
    above = bool(low > 0.5)
    if np.isnan(low):
        defined = areas[np.isfinite(areas).all(axis=(1, 2))]
        smallest = defined.min(axis=(1, 2)) if len(defined) else np.zeros(1)
        above = bool(np.isfinite(areas[0]).all() and (smallest > 0.5).mean() >= confidence)
    return {"value": result.delta, "low": low, "high": high, "beats_chance": above}


def _delta(scores: Scores, arm: Arm, reference: Arm, members: list[str], metric: str) -> dict:
    value, baseline = (scores.of(one, members, metric) for one in (arm, reference))
    deltas = value - baseline
    result = statistics.estimate(deltas[0], deltas[1:], scores.groups)
    less = metric in metrics.LESS_IS_BETTER
    pair = (baseline[0], value[0]) if less else (value[0], baseline[0])
    return {
        "baseline": baseline[0].mean(),
        "value": value[0].mean(),
        "delta": result.delta,
        "error": result.standard_error,
        "df": result.df,
        "p_value": result.p_value(),
        "cohens_d": paired_tests.cohens_d(deltas[0]),
        "probability_of_improvement": paired_tests.probability_of_improvement(*pair),
        "generators": deltas.shape[1],
        "seeds": deltas.shape[2],
        "test_groups": scores.groups,
        **{f"variance_{name}": part for name, part in result.components._asdict().items()},
        "estimate": result,
    }


def _bounds(row: dict) -> dict:
    """Interval and minimum detectable effect of a delta, within the range of the metric."""
    largest = 2.0 if row["metric"] == "mcc" else 1.0
    low, high = np.clip(row["estimate"].interval(row["confidence"]), -largest, largest)
    effect = row["estimate"].minimum_detectable_effect(row["confidence"])
    effect = effect if effect <= largest else np.nan
    return {"low": low, "high": high, "minimum_detectable_effect": effect}


def _verdict(row: dict, margin: float, unlike_real: bool, synthetic: bool) -> str:
    if unlike_real or not row["reference_beats_chance"]:
        return "not interpretable"
    few_generators = synthetic and row["generators"] < ENOUGH_GENERATORS
    if row["seeds"] < ENOUGH_SEEDS or few_generators:
        return "pilot"
    less = row["metric"] in metrics.LESS_IS_BETTER
    better = (-row["high"], -row["low"]) if less else (row["low"], row["high"])
    return statistics.verdict(*better, margin)
