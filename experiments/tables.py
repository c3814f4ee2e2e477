"""From finished trials to the tables of a study: metrics, deltas and the verdict."""

import numpy as np
import pandas as pd

from classifiers import intervals, metrics
from experiments import statistics
from experiments.study import Study


def metrics_table(trials: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """One row per trial with every metric; undefined metrics stay empty.

    `trials` has the columns arm, classifier, seed, trial, n_train, threshold; `predictions` has
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


def deltas_table(study: Study, trials: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Every arm against `real`: for each metric, per classifier and for their mean ("all").

    Deltas are paired: the same seed, the same resampled test groups. The interval resamples test
    groups and seeds. Classifiers that learn nothing are all alike: where the arm `real` itself does
    not beat chance (ROC AUC), `equivalent` becomes `inconclusive`. For the headline ("all", primary
    metric) the interval is widened so that those of all arms with synthetic images hold together.
    """
    rng = np.random.default_rng(0)
    names = [classifier.name for classifier in study.classifiers]
    reference = predictions.drop_duplicates("path").sort_values("path")
    groups = reference["group"].to_numpy()
    weights = intervals.group_weights(groups, study.bootstrap, rng)
    seeds = statistics.seed_weights(len(study.seeds), study.bootstrap, rng)
    scores = _scores(trials, predictions, weights)
    tested = [arm.name for arm in study.parsed_arms() if arm.synthetic]
    rows = []
    for arm in study.arms[1:]:
        for classifier in ["all", *names]:
            members = names if classifier == "all" else [classifier]
            for metric in metrics.NAMES:
                headline = classifier == "all" and metric == study.primary_metric and arm in tested
                confidence = statistics.simultaneous_confidence(
                    study.confidence, len(tested) if headline else 1
                )
                rows.append(
                    {"arm": arm, "classifier": classifier, "metric": metric}
                    | _delta(scores, arm, members, metric, study, seeds, confidence)
                )
    return pd.DataFrame(rows)


def _delta(scores, arm, members, metric, study, seeds, confidence) -> dict:
    def stack(name: str, wanted: str) -> np.ndarray:
        """(1 + B, S): first the value on the test set as it is, then the replicates."""
        per_classifier = [
            np.stack([scores[name, member, seed][wanted] for seed in study.seeds], axis=1)
            for member in members
        ]
        return np.mean(per_classifier, axis=0)

    value, baseline = stack(arm, metric), stack("real", metric)
    deltas = value - baseline
    low, high = statistics.crossed_interval(deltas[1:], seeds, confidence)
    better = (-high, -low) if metric in metrics.LESS_IS_BETTER else (low, high)
    found = statistics.verdict(*better, study.margin)
    chance = statistics.crossed_interval(stack("real", "roc_auc")[1:] - 0.5, seeds, confidence)[0]
    learned = bool(chance > 0)
    return {
        "baseline": baseline[0].mean(),
        "value": value[0].mean(),
        "delta": deltas[0].mean(),
        "low": low,
        "high": high,
        "confidence": round(confidence, 6),
        "real_beats_chance": learned,
        "verdict": found if learned or found != "equivalent" else "inconclusive",
    }


def _scores(trials: pd.DataFrame, predictions: pd.DataFrame, weights: np.ndarray) -> dict:
    """(arm, classifier, seed) -> metric -> (1 + B,) values; images in the order of their path."""
    everything = np.vstack([np.ones(weights.shape[1]), weights])
    scores = {}
    for trial in trials.to_dict("records"):
        made = _of(predictions, trial).sort_values("path")
        scores[trial["arm"], trial["classifier"], trial["seed"]] = metrics.evaluate(
            made["target"].to_numpy(),
            made["probability"].to_numpy(),
            trial["threshold"],
            everything,
        )
    return scores


def _of(predictions: pd.DataFrame, trial: dict) -> pd.DataFrame:
    same = [predictions[name] == trial[name] for name in ("arm", "classifier", "seed")]
    return predictions[same[0] & same[1] & same[2]]


def conclude(study: Study, deltas: pd.DataFrame) -> dict:
    """The verdict in words, with the arms it rests on and what it does not cover."""
    tested = [arm.name for arm in study.parsed_arms() if arm.synthetic and arm.real]
    shown = deltas[(deltas["metric"] == study.primary_metric) & (deltas["classifier"] == "all")]
    by_arm = {row["arm"]: row for row in shown.to_dict("records")}
    notes = [
        f"Primary metric {study.primary_metric}, margin {study.margin}, declared in the study.",
        "Intervals resample test groups and classifier seeds together (percentile bootstrap, "
        f"{study.bootstrap} replicates). With {len(study.seeds)} seeds the variation between "
        "trainings is known poorly.",
        "One generator was trained: how much another training of it would change the result is "
        "not in the interval.",
        "The headline intervals of the arms with synthetic images hold together at "
        f"{study.confidence:.0%} (Bonferroni); all others are single, uncorrected intervals.",
    ]
    control = next((a for a in study.arms if a.startswith("real+duplicated")), None)
    if control:
        row = by_arm[control]
        notes.append(
            f"Control: {control}, the same number of extra images without new content, changes "
            f"{study.primary_metric} by {row['delta']:+.3f} "
            f"({row['low']:+.3f} to {row['high']:+.3f})."
        )
    return {
        "sentence": _sentence(study, [by_arm[arm] for arm in tested]),
        "arms": list(by_arm.values()),
        "notes": notes,
        "warnings": [
            f"{name}, trained on real images alone, did not beat chance on the test images: its "
            "comparisons say little. It needs more steps, pretrained weights or more images."
            for name in deltas["classifier"][~deltas["real_beats_chance"]].unique()
            if name != "all"
        ],
    }


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
