"""The verdict in words."""

import numpy as np

from experiments import statistics
from experiments.analysis import checks
from experiments.analysis.checks import Check, StudyTables
from experiments.analysis.number_format import interval, number, percent
from experiments.design.enough import ENOUGH_GENERATORS, ENOUGH_SEEDS, enough_seeds
from experiments.design.study import Study

VERDICT_PHRASES = {
    "helps": "helps",
    "hurts": "hurts",
    "inconclusive": "is inconclusive",
    "not interpretable": "is not interpretable",
    "pilot": "is a pilot without a verdict",
}


def conclude(
    study: Study,
    tables: StudyTables,
    checked: list[Check],
    confidence: float | None = None,
    look: str = "",
) -> dict:
    """State the verdict in words, with its conditions and limits.

    Args:
        study: The study.
        tables: Its tables.
        checked: All checks; those that failed are the warnings.
        confidence: Confidence level of the verdicts; by default the study's.
        look: Which look at the study it is, a sentence.

    Returns:
        headline (a sentence), verdict (its word, or None where no arm adds synthetic images to real
        ones), by_arm (a clause for each of these arms), sentence (headline and clauses),
        probabilities (of the headline's true change, a sentence, or "" for a pilot), scope
        (what the intervals cover, in one line), look, seeds (their number), primary (the row of the
        headline comparison, or None), arms (rows of the deltas), strongest (the arm with the
        largest change, or None), checks, warnings, notes.
    """
    arms, confidence = (
        {arm.name: arm for arm in study.parsed_arms()},
        confidence or study.confidence,
    )
    rows, (primary,) = tables.primary(study), tables.headline.to_dict("records") or [None]
    tested = [row for row in rows if arms[row["arm"]].tested and arms[row["arm"]].real]
    headline = _headline(study, tables, primary)
    by_arm = [_arm(study, row) for row in tested if not _is_headline(row, primary)]
    return {
        "headline": headline,
        "verdict": primary and primary["verdict"],
        "by_arm": by_arm,
        "sentence": " ".join([headline, *([f"{'; '.join(by_arm)}."] if by_arm else [])]),
        "probabilities": _probabilities(study, primary),
        "look": look,
        "seeds": len(study.seeds),
        "scope": scope(study, bool(len(tables.sets))),
        "primary": primary,
        "arms": rows,
        "strongest": _strongest(tested),
        "checks": [one._asdict() for one in checked],
        "warnings": [one.text for one in checked if not one.passed],
        "notes": [
            f"Primary metric {study.primary_metric}, margin {study.margin}, as set in the study "
            "file.",
            "The headline is one comparison, named in the study or the mean over the arms that "
            f"only add synthetic images, at {100 * confidence:.6g} % without adjustment. Of the "
            "other arms with synthetic images, claims of a difference and claims of equivalence "
            "are each controlled by Holm's procedure at "
            f"{1 - confidence:.2g} over the family; the "
            "interval shown is of the level of the claim, or of the wider of both levels where "
            "nothing is claimed. These levels depend on the data, so that they are not "
            "simultaneous. All other intervals are unadjusted. Intervals are truncated at the "
            "range of the metric (±1; ±2 for MCC).",
            "Networks are analysed as readers of the test images (Obuchowski and Rockette, 1995; "
            f"Hillis, 2007): {statistics.METHOD}. The variance of the test groups comes from "
            f"{study.bootstrap} bootstrap replicates, with the degrees of freedom of the class "
            "with fewer groups.",
            *_cross_validation(study),
            *_minimum_detectable_effect(study, tested),
        ],
    }


def scope(study: Study, synthetic: bool) -> str:
    """Say what the intervals cover, and what the result is conditional on, in one line.

    Args:
        study: The study.
        synthetic: Whether generators were trained.

    Returns:
        A sentence.
    """
    seeds, generators, parts = (
        len(study.seeds),
        len(study.generator.seeds) * len(study.splits()),
        study.images.parts,
    )
    several = parts > 1 or len(study.generator.seeds) > 1
    covered: list[str] = ["test groups"]
    given: list[str] = []
    (covered if seeds > 1 else given).append(f"seeds ({seeds})")
    if synthetic:
        (covered if several else given).append(f"generators ({generators})")
    if parts > 1:
        covered.append(f"training images ({parts} disjoint parts)")
    elif study.folds:
        given.append("these training images (folds overlap)")
    else:
        given.append("these training images")
    given.append("these validation images")
    if any(arm.oracle for arm in study.parsed_arms()):
        given.append("these oracle images")
    given.append(_these(len(study.classifiers), "classifier"))
    return f"Scope: other {_joined(covered)}; for {_joined(given)}."


def _probabilities(study: Study, row: dict | None) -> str:
    """How probable it is that the headline's true change matters, either way."""
    if row is None or row["verdict"] in ("pilot", "not interpretable"):
        return ""
    if not np.isfinite(row["probability_helps"]):
        return ""
    names = ("helps", "equivalent", "hurts")
    helps, equivalent, hurts = (_chance(row[f"probability_{name}"]) for name in names)
    better = row["probability_better"]
    claim, false = ("help", 1 - better) if better >= 0.5 else ("harm", better)
    return (
        f"Probability that the true change helps by more than {study.margin}: {helps}; that it "
        f"lies within ±{study.margin}: {equivalent}; that it hurts by more: {hurts}. A claim of "
        f"{claim} would be false with a probability of {_chance(false)}."
    )


def _chance(probability: float) -> str:
    if 0.005 <= probability < 0.995:
        return percent(probability)
    return "less than 1%" if probability < 0.5 else "more than 99%"


def _joined(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _is_headline(row: dict, primary: dict | None) -> bool:
    return primary is not None and row["arm"] == primary["arm"]


def _these(count: int, what: str) -> str:
    return f"this one {what}" if count == 1 else f"these {count} {what}s"


def _strongest(rows: list[dict]) -> str | None:
    """The arm with the largest change in either direction."""
    finite = [row for row in rows if np.isfinite(row["delta"])]
    return max(finite, key=lambda row: abs(row["delta"]), default={"arm": None})["arm"]


def _cross_validation(study: Study) -> list[str]:
    if not study.folds:
        return []
    repeats = f"{study.repeats} repeats" if study.repeats > 1 else "one repeat"
    return [
        f"Cross-validation of {study.folds} folds over all images ({repeats}): every image is "
        "predicted once in each, by networks that saw none of its group. Each fold has generators "
        "of its own, nested in it; seeds are crossed with folds. ROC AUC, and what else ranks "
        "images, is computed within each fold (scores of other networks are on scales of their "
        "own) and averaged, weighted by the fold's pairs of a positive and a negative image (ROC "
        "AUC), its positive images (average precision, sensitivity at 90 % specificity) or its "
        "negative images (specificity at 90 % sensitivity); all other metrics are of all "
        "predictions together. The training sets of folds overlap, which no interval here accounts "
        "for in full."
    ]


def _minimum_detectable_effect(study: Study, rows: list[dict]) -> list[str]:
    """The minimum detectable effect, where seeds are enough to estimate the variances."""
    effects = [
        row["minimum_detectable_effect"]
        for row in rows
        if np.isfinite(row["minimum_detectable_effect"])
    ]
    if not effects or not enough_seeds(study):
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
        f"interval {interval(row)}{_stopped(study, row)})"
    )


def _headline(study: Study, tables: StudyTables, row: dict | None) -> str:
    if row is None:
        return "No arm adds synthetic images to real ones: this study cannot say if they help."
    unlike_real = checks.unlike_real(tables.sets)
    single = " of this one generator" if len(study.generator.seeds) == 1 else ""
    images = f"synthetic images{single}"
    if unlike_real:
        return (
            f"Not interpretable: the {images} are not like {tables.real} ones. "
            f"{_sentence(unlike_real[0])}"
        )
    if row["verdict"] == "not interpretable":
        return (
            "Not interpretable: the classifiers did not beat chance on the test images when "
            f"trained on {tables.real} images alone."
        )
    if row["verdict"] == "pilot":
        return (
            f"A pilot: too few training runs for a verdict on whether the {images} help or hurt; "
            f"at least {ENOUGH_SEEDS} seeds and {ENOUGH_GENERATORS} generators are needed "
            f"({_numbers(study, row)})."
        )
    sentences = {
        "helps": f"Adding {images} helps",
        "hurts": f"Adding {images} hurts",
        "equivalent": f"Adding {images} makes no difference that matters (within ±{study.margin})",
        "inconclusive": f"Inconclusive: this study cannot tell whether the {images} help or hurt",
    }
    return f"{sentences[row['verdict']]}: {_numbers(study, row)}."


def _numbers(study: Study, row: dict) -> str:
    """What was compared, and the numbers of the comparison."""
    arms = row["arm"].split(", ")
    what = arms[0] if len(arms) == 1 else f"mean of {_joined(arms)}"
    return (
        f"{what} against {row['reference']}, {study.primary_metric} {number(row['baseline'])} → "
        f"{number(row['value'])}, change {number(row['delta'], True)}, interval {interval(row)}"
        f"{_stopped(study, row)}"
    )


def _stopped(study: Study, row: dict) -> str:
    """That a row is of an earlier look, with fewer seeds."""
    return f", stopped at {row['seeds']} seeds" if row["seeds"] < len(study.seeds) else ""


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")
