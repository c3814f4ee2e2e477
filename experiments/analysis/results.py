"""From finished trials to the tables of a study, and its verdict."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from classifiers.evaluation import metrics
from experiments.analysis import checks, equivalent_real_images, paired_tests_table, verdict
from experiments.analysis.checks import Check, StudyTables
from experiments.analysis.deltas import against_chance, members_by_name
from experiments.analysis.scores import RUN_COLUMNS, Scores, by_run, folds_of
from experiments.design.arms import parse
from experiments.design.study import Study
from experiments.running.trial import PREDICTIONS
from ufgen.atomic import atomic_file
from ufgen.errors import UserError


class Comparison(NamedTuple):
    """How the arms of a study compare.

    Attributes:
        deltas: See `analysis.deltas.deltas_table`.
        headline: See `analysis.deltas.headline_table`.
        confidence: Confidence level of the verdicts.
        look: Which look at the study it is, a sentence; "" for the only one.
    """

    deltas: pd.DataFrame
    headline: pd.DataFrame
    confidence: float
    look: str = ""


def write(
    folder: Path,
    study: Study,
    trials: pd.DataFrame,
    predictions: pd.DataFrame,
    scores: Scores,
    compared: Comparison,
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
        scores: Scores of the trials.
        compared: How the arms compare.
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
    baseline = baseline_table(study, scores.within(study))
    arms = trials.groupby("seed")["arm"].nunique()
    common = [seed for seed in study.seeds if arms[seed] == len(study.arms)]
    complete = study.model_copy(update={"seeds": common})
    equivalent = equivalent_real_images.table(complete, trials, scores.within(complete), real)
    write_csv(
        folder,
        metrics=metrics_table(trials, predictions),
        predictions=predictions,
        deltas=compared.deltas,
        headline=compared.headline,
        baseline=baseline,
        paired_tests=paired_tests_table.table(study, predictions),
        equivalent_real_images=equivalent,
    )
    tables = StudyTables(compared.deltas, compared.headline, baseline, trials, sets, real)
    checked = checks.check(study, tables) + image_checks
    conclusion = verdict.conclude(study, tables, checked, compared.confidence, compared.look)
    informative = equivalent["informative"].to_numpy(bool)
    conclusion["notes"] += equivalent["text"][~informative].tolist()
    return conclusion | {"equivalent_real_images": equivalent["text"][informative].tolist()}


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
    """Join the folds of each run of cross-validation.

    Args:
        trials: One row for each trial.

    Returns:
        One row for each run: the mean of n_train and threshold; constant and kept_first if they
        hold in any fold; else the value of the first fold.
    """
    aggregated = {"n_train": lambda n: round(n.mean()), "threshold": "mean"}
    aggregated |= {"constant": "any", "kept_first": "any"}
    others = [name for name in trials.columns if name not in RUN_COLUMNS]
    by_trial = trials.groupby(list(RUN_COLUMNS), sort=False, as_index=False)
    return by_trial.agg({name: aggregated.get(name, "first") for name in others})


def metrics_table(trials: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Compute every metric of every run.

    Args:
        trials: One row for each run: the columns `RUN_COLUMNS`, trial, n_train, threshold.
        predictions: One row for each trial and test image.

    Returns:
        The runs with their metrics, which are NaN where undefined, and confusion matrices.
        Metrics that rank images rank them within each fold (see `metrics.evaluate`).
    """
    rows, predictions_by_run = [], by_run(predictions)
    for trial in trials.to_dict("records"):
        selected = predictions_by_run[tuple(trial[name] for name in RUN_COLUMNS)]
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
        differ = trials.groupby(["classifier", "seed", "repeat", "fold"])[name].nunique() > 1
        if differ.any():
            classifier, seed, *_ = differ.index[differ][0]
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
            {"classifier": name} | against_chance(scores, parse("real"), members, study.confidence)
            for name, members in members_by_name(study).items()
        ]
    )
