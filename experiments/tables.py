"""From finished trials to the tables of a study: metrics, deltas and the verdict."""

import numpy as np
import pandas as pd

from classifiers import intervals, metrics
from experiments import statistics
from experiments.arms import Arm, parse
from experiments.study import Study
from ufgen.errors import UserError

ENOUGH_SEEDS = 5
TRIAL = ("arm", "classifier", "generator", "seed")


def metrics_table(trials: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """One row per trial with every metric; undefined metrics stay empty.

    `trials` has the columns of TRIAL, and trial, n_train, threshold; `predictions` has
    one row per trial and test image. Labels and probabilities come from the same row.
    """
    rows = []
    for trial in trials.to_dict("records"):
        made = _of(predictions, trial)
        target, probability = made["target"].to_numpy(), made["probability"].to_numpy()
        scores = metrics.evaluate(target, probability, trial["threshold"])
        counts = metrics.confusion(target, probability, trial["threshold"])
        rows.append(trial | scores | {name: int(count) for name, count in counts.items()})
    return pd.DataFrame(rows)


def check_equal_budgets(trials: pd.DataFrame) -> None:
    """Raise UserError unless all arms began alike and had the same budget and validation images."""
    for name in ("steps", "batch", "initial_sha256", "validation_sha256", "precision"):
        differ = trials.groupby(["classifier", "seed"])[name].nunique() > 1
        if differ.any():
            classifier, seed = differ.index[differ][0]
            raise UserError(
                f"the arms of {classifier} with seed {seed} differ in {name}: they cannot be "
                "compared. Remove the study's folder and run it again"
            )


def scores(study: Study, trials: pd.DataFrame, predictions: pd.DataFrame) -> "Scores":
    """Every metric of every trial, on the test set as it is and on resampled test groups."""
    groups = predictions.drop_duplicates("path").sort_values("path")["group"].to_numpy()
    weights = intervals.group_weights(groups, study.bootstrap, np.random.default_rng(0))
    return Scores(study, trials, predictions, weights)


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
    """Every metric of every trial: on the test set as it is, and on resampled test groups."""

    def __init__(self, study: Study, trials, predictions, weights: np.ndarray):
        everything = np.vstack([np.ones(weights.shape[1]), weights])
        self._study, self._found = study, {}
        for trial in trials.to_dict("records"):
            made = _of(predictions, trial).sort_values("path")
            self._found[tuple(trial[name] for name in TRIAL)] = metrics.evaluate(
                made["target"].to_numpy(),
                made["probability"].to_numpy(),
                trial["threshold"],
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
    found = statistics.estimate(deltas[0], deltas[1:])
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
        **{f"variance_{name}": part for name, part in found.components._asdict().items()},
        "chance": statistics.estimate(beyond_chance[0], beyond_chance[1:]),
        "estimate": found,
    }


def _judge(row: dict, margin: float) -> dict:
    low, high = row["estimate"].interval(row["confidence"])
    better = (-high, -low) if row["metric"] in metrics.LESS_IS_BETTER else (low, high)
    found = statistics.verdict(*better, margin)
    learned = row["chance"].interval(row["confidence"])[0] > 0
    return {
        "low": low,
        "high": high,
        "smallest_effect": row["estimate"].smallest_effect(row["confidence"]),
        "real_beats_chance": bool(learned),
        "verdict": found if learned or found != "equivalent" else "inconclusive",
    }


def _of(predictions: pd.DataFrame, trial: dict) -> pd.DataFrame:
    return predictions[(predictions[list(TRIAL)] == [trial[name] for name in TRIAL]).all(axis=1)]


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
        _about_generators(study),
        "The headline intervals of the arms with synthetic images leave out zero just where Holm's "
        f"procedure at {1 - study.confidence:.2g} rejects; all others are single intervals at "
        f"{study.confidence:.0%}.",
        *_smallest(study, [by_arm[arm] for arm in tested]),
    ]
    control = next((a for a in study.arms if a.startswith("real+duplicated")), None)
    if control:
        row = by_arm[control]
        notes.append(
            f"Control: {control}, the same number of extra images without new content, changes "
            f"{study.primary_metric} by {row['delta']:+.3f} "
            f"({row['low']:+.3f} to {row['high']:+.3f})."
        )
    warnings = [
        f"{name}, trained on real images alone, did not beat chance on the test images: its "
        "comparisons say little. It needs more steps, pretrained weights or more images."
        for name in deltas["classifier"][~deltas["real_beats_chance"]].unique()
        if name != "all"
    ]
    if len(study.seeds) < ENOUGH_SEEDS:
        warnings.append(
            f"{len(study.seeds)} seeds are few: below {ENOUGH_SEEDS} a study says helps or hurts "
            "wrongly more often than its confidence promises. Take it as a pilot."
        )
    return {
        "sentence": _sentence(study, [by_arm[arm] for arm in tested]),
        "arms": list(by_arm.values()),
        "notes": notes,
        "warnings": warnings,
    }


def _about_generators(study: Study) -> str:
    count = len(study.generator.seeds)
    if count == 1:
        return (
            "One generator was trained: how much another training of it would change the result is "
            "not in the interval (generator.seeds in the study trains several)."
        )
    return (
        f"{count} generators were trained, with seeds of their own; what another one would change "
        "is in the interval."
    )


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
        f"{row['value']:.3f}, change {row['delta']:+.3f}, interval {row['low']:+.3f} to "
        f"{row['high']:+.3f})"
        for row in rows
    ]
    found = {row["verdict"] for row in rows}
    if found == {"inconclusive"}:
        start = "Inconclusive: this study cannot tell whether the synthetic images help or hurt."
    elif "helps" in found and "hurts" not in found:
        start = "Adding synthetic images helps in at least one ratio."
    elif "hurts" in found and "helps" not in found:
        start = "Adding synthetic images hurts in at least one ratio."
    elif "helps" in found:
        start = "Adding synthetic images helps in one ratio and hurts in another."
    else:
        start = "No ratio of synthetic images was shown to help."
    return f"{start} {'; '.join(parts)}."
