"""From finished trials to the tables of a study: metrics, deltas and the verdict."""

from pathlib import Path

import numpy as np
import pandas as pd

from classifiers import intervals, metrics
from experiments import companions, conclusion, exchange, statistics
from experiments.arms import Arm, parse
from experiments.study import Study
from experiments.trial import PREDICTIONS
from ufgen.atomic import whole_file
from ufgen.errors import UserError

TRIAL = ("arm", "classifier", "generator", "seed")


def write(folder: Path, study: Study, trials: pd.DataFrame, predictions: pd.DataFrame) -> dict:
    """Write all tables of the finished `trials` into `folder`; returns the conclusion.

    The same trials give the same bytes, however often the run was interrupted. `trials` are the
    rows of trial.json, `predictions` one row per trial and image.
    """
    check_equal_budgets(trials)
    predictions = predictions[[*TRIAL, *PREDICTIONS]]
    if study.folds:
        trials = pool(trials)
    found = scores(study, trials, predictions)
    deltas, worth = deltas_table(study, found), exchange.table(study, trials, found)
    write_csv(
        folder,
        metrics=metrics_table(trials, predictions),
        predictions=predictions,
        deltas=deltas,
        companions=companions.table(study, predictions),
        exchange=worth,
    )
    return conclusion.conclude(study, deltas) | {"exchange": worth["text"].tolist()}


def write_csv(folder: Path, **tables: pd.DataFrame) -> None:
    """Write each table as `folder/<name>.csv`."""
    for name, table in tables.items():
        with whole_file(folder / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False)


def pool(trials: pd.DataFrame) -> pd.DataFrame:
    """One row for the folds of a repeat: of n_train and threshold the mean, else the first."""
    means = {"n_train": lambda n: round(n.mean()), "threshold": "mean"}
    rest = {name: "first" for name in trials.columns if name not in (*TRIAL, *means)}
    same = trials.groupby(list(TRIAL), sort=False, as_index=False)
    return same.agg({name: (means | rest)[name] for name in trials.columns if name not in TRIAL})


def metrics_table(trials: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """One row per trial with every metric; undefined metrics stay empty.

    `trials` has the columns of TRIAL, and trial, n_train, threshold; `predictions` has one row per
    trial and test image. Labels, probabilities and thresholds come from the same row.
    """
    rows = []
    for trial in trials.to_dict("records"):
        made = _of(predictions, trial)
        scored = [made[name].to_numpy() for name in ("target", "probability", "threshold")]
        counts = {name: int(count) for name, count in metrics.confusion(*scored).items()}
        rows.append(trial | metrics.evaluate(*scored) | counts)
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


def scores(study: Study, trials: pd.DataFrame, predictions: pd.DataFrame) -> "Scores":
    """Every metric of every trial, on the test set as it is and on resampled test groups."""
    groups = predictions.drop_duplicates("path").sort_values("path")["group"].to_numpy()
    weights = intervals.group_weights(groups, study.bootstrap, np.random.default_rng(0))
    return Scores(study, trials, predictions, weights, len(set(groups)))


def deltas_table(study: Study, scores: "Scores") -> pd.DataFrame:
    """Every arm against `real`: for each metric, per classifier and for their mean ("all").

    Deltas are paired: the same seed, the same resampled test groups. How sure they are is
    `statistics.estimate`'s. For the headline ("all", primary metric) the intervals of all arms
    with synthetic images are Holm's, and `p_holm` is his adjusted p-value. Classifiers that learn
    nothing are all alike: where the arm `real` itself does not beat chance (ROC AUC), `equivalent`
    becomes `inconclusive`.
    """
    names, rows = [classifier.name for classifier in study.classifiers], []
    for arm in study.parsed_arms()[1:]:
        for classifier in ["all", *names]:
            members = names if classifier == "all" else [classifier]
            for metric in metrics.NAMES:
                about = {"arm": arm.name, "classifier": classifier, "metric": metric}
                rows.append(about | _delta(scores, arm, members, metric))
    table = pd.DataFrame(rows).assign(confidence=study.confidence, p_holm=np.nan)
    tested = [arm.name for arm in study.parsed_arms() if arm.tested]
    headline = (table["classifier"] == "all") & (table["metric"] == study.primary_metric)
    family = table.index[headline & table["arm"].isin(tested)]
    p_values = table.loc[family, "p_value"].to_numpy()
    table.loc[family, "p_holm"] = statistics.holm(p_values)
    table.loc[family, "confidence"] = statistics.holm_confidences(p_values, study.confidence)
    judged = pd.DataFrame([_judge(row, study.margin) for row in table.to_dict("records")])
    return pd.concat([table.drop(columns=["estimate", "chance"]), judged], axis=1)


class Scores:
    """Every metric of every trial: on the test set as it is, and on resampled test groups.

    There are `groups` of these.
    """

    def __init__(self, study: Study, trials, predictions, weights: np.ndarray, groups: int):
        self.groups = groups
        everything = np.vstack([np.ones(weights.shape[1]), weights])
        self._study, self._found = study, {}
        for trial in trials.to_dict("records"):
            made = _of(predictions, trial).sort_values("path")
            self._found[tuple(trial[name] for name in TRIAL)] = metrics.evaluate(
                made["target"].to_numpy(),
                made["probability"].to_numpy(),
                made["threshold"].to_numpy(),
                everything,
            )

    def of(self, arm: Arm, classifiers: list[str], metric: str) -> np.ndarray:
        """(1 + B, G, S): replicates, generators (one where none is used), and seeds.

        The first replicate is the test set as it is; several classifiers are averaged.
        """
        generators = self._study.generator.seeds if arm.synthetic else [""]
        found = [
            [
                [self._found[arm.name, name, generator, seed][metric] for seed in self._study.seeds]
                for generator in generators
            ]
            for name in classifiers
        ]
        return np.moveaxis(np.mean(found, axis=0), -1, 0)


def _delta(scores: Scores, arm: Arm, members: list[str], metric: str) -> dict:
    real = parse("real")
    value, baseline = (scores.of(one, members, metric) for one in (arm, real))
    deltas = value - baseline
    found = statistics.estimate(deltas[0], deltas[1:], scores.groups)
    beyond_chance = scores.of(real, members, "roc_auc") - 0.5
    less = metric in metrics.LESS_IS_BETTER
    pair = (baseline[0], value[0]) if less else (value[0], baseline[0])
    return {
        "baseline": baseline[0].mean(),
        "value": value[0].mean(),
        "delta": found.delta,
        "error": found.error,
        "freedom": found.freedom,
        "p_value": found.p_value(),
        "standardised": statistics.standardised(deltas[0]),
        "probability_of_improvement": statistics.probability_of_improvement(*pair),
        "generators": deltas.shape[1],
        "seeds": deltas.shape[2],
        "test_groups": scores.groups,
        **{f"variance_{name}": part for name, part in found.components._asdict().items()},
        "chance": statistics.estimate(beyond_chance[0], beyond_chance[1:], scores.groups),
        "estimate": found,
    }


def _judge(row: dict, margin: float) -> dict:
    largest = 2.0 if row["metric"] == "mcc" else 1.0
    low, high = np.clip(row["estimate"].interval(row["confidence"]), -largest, largest)
    better = (-high, -low) if row["metric"] in metrics.LESS_IS_BETTER else (low, high)
    found = statistics.verdict(*better, margin)
    smallest = row["estimate"].smallest_effect(row["confidence"])
    learned = row["chance"].interval(row["confidence"])[0] > 0
    return {
        "low": low,
        "high": high,
        "smallest_effect": smallest if smallest <= largest else np.nan,
        "real_beats_chance": bool(learned),
        "verdict": found if learned or found != "equivalent" else "inconclusive",
    }


def _of(predictions: pd.DataFrame, trial: dict) -> pd.DataFrame:
    return predictions[(predictions[list(TRIAL)] == [trial[name] for name in TRIAL]).all(axis=1)]
