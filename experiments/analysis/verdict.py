"""The verdict in words."""

import numpy as np

from experiments.analysis import checks
from experiments.analysis.checks import ENOUGH_GENERATORS, ENOUGH_SEEDS, Check, StudyTables
from experiments.analysis.number_format import interval, number
from experiments.design.study import Study

VERDICT_PHRASES = {
    "helps": "helps",
    "hurts": "hurts",
    "inconclusive": "is inconclusive",
    "not interpretable": "is not interpretable",
    "pilot": "is a pilot without a verdict",
}


def conclude(study: Study, tables: StudyTables, checked: list[Check]) -> dict:
    """State the verdict in words, with its conditions and limits.

    Args:
        study: The study.
        tables: Its tables.
        checked: All checks; those that failed are the warnings.

    Returns:
        headline (a sentence), by_arm (a clause for each arm that adds synthetic images to real
        ones), sentence (both), arms (rows of the deltas), strongest (the arm with the largest
        change, or None), checks, warnings, notes (scope of the intervals).
    """
    arms = {arm.name: arm for arm in study.parsed_arms()}
    rows = tables.primary(study)
    tested = [row for row in rows if arms[row["arm"]].tested and arms[row["arm"]].real]
    headline, by_arm = _headline(study, tables, tested), [_arm(study, row) for row in tested]
    return {
        "headline": headline,
        "by_arm": by_arm,
        "sentence": " ".join([headline, *([f"{'; '.join(by_arm)}."] if by_arm else [])]),
        "arms": rows,
        "strongest": _strongest(tested),
        "checks": [one._asdict() for one in checked],
        "warnings": [one.text for one in checked if not one.passed],
        "notes": [
            f"Primary metric {study.primary_metric}, margin {study.margin}, as set in the study "
            "file.",
            *_scope(study, tables),
            *_cross_validation(study),
            "Intervals are truncated at the range of the metric (±1; ±2 for MCC). The headline "
            "intervals of the arms with synthetic images exclude zero if and only if "
            f"Holm's procedure at {1 - study.confidence:.2g} rejects; their levels depend on the "
            "data, so that they are not simultaneous. All others are unadjusted intervals at "
            f"{study.confidence:.0%}.",
            *_minimum_detectable_effect(study, tested),
        ],
    }


def _scope(study: Study, tables: StudyTables) -> list[str]:
    """What the intervals cover, and what they do not."""
    generators, seeds = len(study.generator.seeds), len(study.seeds)
    covered = ["other test groups"]
    covered += [f"other seeds of the classifiers ({seeds} were run)"] if seeds > 1 else []
    if generators > 1 and len(tables.sets):
        covered.append(f"other generators ({generators} were trained)")
    uncovered = [] if seeds > 1 else ["other seeds"]
    uncovered += ["other generators"] if generators == 1 and len(tables.sets) else []
    uncovered += ["other training images", "other validation images", "other classifiers"]
    uncovered += ["other oracle images"] if "oracle" in " ".join(study.arms) else []
    return [
        "Networks are analysed as readers of the test images (Obuchowski and Rockette, 1995; "
        f"Hillis, 2007). The intervals cover {', '.join(covered)}; the variance of the test groups "
        f"comes from {study.bootstrap} bootstrap replicates, with the degrees of freedom of the "
        f"class with fewer groups. They do not cover {', '.join(uncovered)}: the result is the "
        f"mean of {_these(len(study.classifiers), 'classifier')}, trained on parts of "
        f"{'one image set' if study.folds else 'one training set'}."
    ]


def _these(count: int, what: str) -> str:
    return f"this one {what}" if count == 1 else f"these {count} {what}s"


def _strongest(rows: list[dict]) -> str | None:
    """The arm with the largest change in either direction."""
    finite = [row for row in rows if np.isfinite(row["delta"])]
    return max(finite, key=lambda row: abs(row["delta"]), default={"arm": None})["arm"]


def _cross_validation(study: Study) -> list[str]:
    if not study.folds:
        return []
    return [
        f"Each seed is one repeat of {study.folds}-fold cross-validation over all images: every "
        "image is predicted once in it, by a network that saw none of its group. ROC AUC, and what "
        "else ranks images, is computed within each fold (scores of other networks are on scales "
        "of their own) and averaged, weighted by the fold's pairs of a positive and a negative "
        "image (ROC AUC), its positive images (average precision, sensitivity at 90 % specificity) "
        "or its negative images (specificity at 90 % sensitivity); all other metrics are of all "
        "predictions together. Generators are trained again inside each fold. The training sets "
        "of folds overlap, which no interval here accounts for in full."
    ]


def _minimum_detectable_effect(study: Study, rows: list[dict]) -> list[str]:
    """The minimum detectable effect, where seeds are enough to estimate the variances."""
    effects = [
        row["minimum_detectable_effect"]
        for row in rows
        if np.isfinite(row["minimum_detectable_effect"])
    ]
    if not effects or len(study.seeds) < ENOUGH_SEEDS:
        return []
    return [
        f"The minimum detectable effect (true change of {study.primary_metric} detected with 80 % "
        f"power) is {min(effects):.3f}"
        + (f" to {max(effects):.3f}, depending on the arm." if len(effects) > 1 else ".")
    ]


def _arm(study: Study, row: dict) -> str:
    """One arm's change against its reference, in words."""
    equivalent = f"makes no difference that matters (within ±{study.margin})"
    phrase = VERDICT_PHRASES.get(row["verdict"], equivalent)
    return (
        f"{row['arm']} against {row['reference']} {phrase} ({study.primary_metric} "
        f"{number(row['baseline'])} → {number(row['value'])}, change {number(row['delta'], True)}, "
        f"interval {interval(row)})"
    )


def _headline(study: Study, tables: StudyTables, rows: list[dict]) -> str:
    if not rows:
        return "No arm adds synthetic images to real ones: this study cannot say if they help."
    unlike_real, verdicts = checks.unlike_real(tables.sets), {row["verdict"] for row in rows}
    single = " of this one generator" if len(study.generator.seeds) == 1 else ""
    images = f"synthetic images{single}"
    if unlike_real:
        return (
            f"Not interpretable: the {images} are not like {tables.real} ones. "
            f"{_sentence(unlike_real[0])}"
        )
    if verdicts == {"not interpretable"}:
        return (
            "Not interpretable: the classifiers did not beat chance on the test images when "
            f"trained on {tables.real} images alone."
        )
    if verdicts <= {"pilot", "not interpretable"}:
        return (
            f"A pilot: too few training runs for a verdict on whether the {images} help or hurt; "
            f"at least {ENOUGH_SEEDS} seeds and {ENOUGH_GENERATORS} generators are needed."
        )
    if verdicts <= {"inconclusive", "not interpretable", "pilot"}:
        return f"Inconclusive: this study cannot tell whether the {images} help or hurt."
    if {"helps", "hurts"} <= verdicts:
        return f"Adding {images} helps in one arm and hurts in another."
    for verdict in ("helps", "hurts"):
        if verdict in verdicts:
            return f"Adding {images} {verdict} in at least one arm."
    return f"No arm with {images} was shown to help."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")
