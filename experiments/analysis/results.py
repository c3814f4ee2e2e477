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
    pairwise_comparisons,
    verdict,
)
from experiments.analysis.checks import Check, Evidence, unlike_real
from experiments.analysis.scores import TRIAL, Scores, folds_of, predictions_of, scores
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
    checked: list[Check],
    real: str = "real",
) -> dict:
    """Write all tables of the finished `trials` into `folder`; returns the conclusion.

    The same trials give the same bytes, however often the run was interrupted. `trials` are the
    rows of trial.json, `predictions` one row per trial and image; `sets` and `real` are those of
    `experiments.analysis.checks.Evidence`, and `checked` the checks that were made before.
    """
    check_equal_budgets(trials)
    predictions = predictions[[*TRIAL, "fold", *PREDICTIONS]]
    if study.folds:
        trials = pool(trials)
    scored = scores(study, trials, predictions)
    deltas = deltas_table(study, scored, bool(unlike_real(sets)))
    baseline = baseline_table(study, scored)
    worth = equivalent_real_images.table(study, trials, scored, real)
    write_csv(
        folder,
        metrics=metrics_table(trials, predictions),
        predictions=predictions,
        deltas=deltas,
        baseline=baseline,
        paired_tests=paired_tests.table(study, predictions),
        equivalent_real_images=worth,
    )
    evidence = Evidence(deltas, baseline, trials, sets, real)
    checked = checks.check(study, evidence) + checked
    return verdict.conclude(study, evidence, checked) | {
        "equivalent_real_images": worth["text"].tolist()
    }


def write_csv(folder: Path, **tables: pd.DataFrame) -> None:
    """Write each table as `folder/<name>.csv`."""
    for name, table in tables.items():
        with atomic_file(folder / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False)


def pool(trials: pd.DataFrame) -> pd.DataFrame:
    """One row for the folds of a repeat: of n_train and threshold the mean, else the first.

    `constant` and `kept_first` hold where they hold in any fold.
    """
    means = {"n_train": lambda n: round(n.mean()), "threshold": "mean"}
    means |= {"constant": "any", "kept_first": "any"}
    rest = {name: "first" for name in trials.columns if name not in (*TRIAL, *means)}
    same = trials.groupby(list(TRIAL), sort=False, as_index=False)
    return same.agg({name: (means | rest)[name] for name in trials.columns if name not in TRIAL})


def metrics_table(trials: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """One row per trial with every metric; undefined metrics stay empty.

    Metrics that rank images rank them within each fold (see `metrics.evaluate`): other
    networks' scores are on scales of their own. `trials` has the columns of TRIAL, and trial,
    n_train, threshold; `predictions` has one row per trial and test image. Labels, probabilities
    and thresholds come from the same row.
    """
    rows = []
    for trial in trials.to_dict("records"):
        made = predictions_of(predictions, trial)
        scored = [made[name].to_numpy() for name in ("target", "probability", "threshold")]
        counts = {name: int(count) for name, count in metrics.confusion(*scored).items()}
        rows.append(trial | metrics.evaluate(*scored, folds=folds_of(made)) | counts)
    return pd.DataFrame(rows)


def check_equal_budgets(trials: pd.DataFrame) -> None:
    """Raise UserError unless all arms began alike and had the same budget and validation images."""
    for name in ("steps", "batch", "initial_sha256", "validation_sha256", "precision"):
        differ = trials.groupby(["classifier", "seed", "fold"])[name].nunique() > 1
        if differ.any():
            classifier, seed, _ = differ.index[differ][0]
            raise UserError(
                f"the arms of {classifier} with seed {seed} differ in {name}: they cannot be "
                "compared. Remove the study's folder and run it again"
            )


def baseline_table(study: Study, scores: Scores) -> pd.DataFrame:
    """ROC AUC of the arm `real`, per classifier and for their mean ("all"), against chance.

    Columns: classifier, value, low, high, beats_chance.
    """
    return pd.DataFrame(
        [
            {"classifier": name} | _against_chance(scores, parse("real"), members, study.confidence)
            for name, members in _members(study).items()
        ]
    )


def deltas_table(study: Study, scores: Scores, unlike_real: bool = False) -> pd.DataFrame:
    """Every arm against its reference: for each metric, per classifier and for their mean ("all").

    Deltas are paired: the same seed, the same resampled test groups. How sure they are is
    `statistics.estimate`'s. For the headline ("all", primary metric) the intervals of all arms
    with synthetic images are Holm's, and `p_holm` is his adjusted p-value. The headline alone has a
    `verdict`; all else is exploratory, and its verdict is "". Classifiers that learn nothing are
    all alike, and so are images that are nothing like real ones: where the reference does not beat
    chance (ROC AUC), and where the synthetic images are `unlike_real`, it is `not interpretable`.
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
    table.loc[headline, "verdict"] = [
        _verdict(row, study.margin, unlike_real and row["arm"] in tested)
        for row in table[headline].to_dict("records")
    ]
    return table


def _members(study: Study) -> dict[str, list[str]]:
    """The classifiers behind each name: all of them behind "all", then each alone."""
    names = [classifier.name for classifier in study.classifiers]
    return {"all": names} | {name: [name] for name in names}


def _against_chance(scores: Scores, arm: Arm, members: list[str], confidence: float) -> dict:
    """The ROC AUC of an arm, its interval, and whether it is shown to be above 0.5.

    Without an interval (networks that all answer alike, right or wrong) every training must be
    above 0.5, also on nearly all resampled test groups.
    """
    areas = scores.of(arm, members, "roc_auc")
    result = statistics.estimate(areas[0], areas[1:], scores.groups)
    low, high = np.clip(result.interval(confidence), 0, 1)
    above = bool(low > 0.5)
    if np.isnan(low):
        defined = areas[np.isfinite(areas).all(axis=(1, 2))]
        least = defined.min(axis=(1, 2)) if len(defined) else np.zeros(1)
        above = bool(np.isfinite(areas[0]).all() and (least > 0.5).mean() >= confidence)
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
        "cohens_d": pairwise_comparisons.cohens_d(deltas[0]),
        "probability_of_improvement": pairwise_comparisons.probability_of_improvement(*pair),
        "generators": deltas.shape[1],
        "seeds": deltas.shape[2],
        "test_groups": scores.groups,
        **{f"variance_{name}": part for name, part in result.components._asdict().items()},
        "estimate": result,
    }


def _bounds(row: dict) -> dict:
    """The interval of a change, which ends where no change can be larger, and the least found."""
    largest = 2.0 if row["metric"] == "mcc" else 1.0
    low, high = np.clip(row["estimate"].interval(row["confidence"]), -largest, largest)
    smallest = row["estimate"].minimum_detectable_effect(row["confidence"])
    smallest = smallest if smallest <= largest else np.nan
    return {"low": low, "high": high, "minimum_detectable_effect": smallest}


def _verdict(row: dict, margin: float, unlike_real: bool) -> str:
    if unlike_real or not row["reference_beats_chance"]:
        return "not interpretable"
    less = row["metric"] in metrics.LESS_IS_BETTER
    better = (-row["high"], -row["low"]) if less else (row["low"], row["high"])
    return statistics.verdict(*better, margin)
