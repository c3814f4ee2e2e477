"""Several positive classes, each told from the rest: their mean as one comparison."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
import yaml

from experiments.analysis import verdict
from experiments.analysis.checks import StudyTables, unlike_real
from experiments.analysis.deltas import deltas_table, headline_table
from experiments.analysis.scores import evaluate_trials, mean_scores
from experiments.design.study import Study
from ufgen.display.figure_style import source_word
from ufgen.errors import UserError

TEXT = dict.fromkeys(["path", "label", "group", "sha256", "predicted"], str)


class Macro(NamedTuple):
    """The comparison of arms by the mean over one-against-the-rest scores.

    Attributes:
        positives: The positive classes.
        deltas: As of `deltas_table`.
        headline: As of `headline_table`.
        conclusion: As of `verdict.conclude`.
    """

    positives: list[str]
    deltas: pd.DataFrame
    headline: pd.DataFrame
    conclusion: dict


def conclude(folders: list[Path]) -> Macro:
    """Compare the arms of finished studies of one design, each with another positive class.

    Folds, generators, seeds and bootstrap samples are the same for all classes, so that their
    scores are averaged run by run before anything is estimated: macro-averaged one-vs-rest ROC AUC
    has one interval and one verdict.

    Args:
        folders: The folders of the studies.

    Returns:
        The comparison, for the seeds that are finished for every class.

    Raises:
        UserError: The studies have different numbers of generators, or no seed in common.
    """
    studies = [_read_study(folder) for folder in folders]
    first = studies[0]
    seeds = [seed for seed in first.seeds if all(seed in one.seeds for one in studies)]
    if not seeds or any(one.generator.seeds != first.generator.seeds for one in studies):
        raise UserError(
            f"{', '.join(one.name for one in studies)} have no seed in common, or other "
            "generators: expected the same for every positive class (--retry-failed runs what "
            "failed)"
        )
    study = first.model_copy(update={"seeds": seeds})
    scores = mean_scores(
        [
            evaluate_trials(one, _read_predictions(folder))
            for one, folder in zip(studies, folders, strict=True)
        ]
    ).within(study)
    sets = pd.concat([_read_table(folder / "synthetic.csv") for folder in folders])
    unlike = bool(unlike_real(sets))
    deltas = deltas_table(study, scores, unlike)
    headline = headline_table(study, scores, unlike)
    word = source_word(_read_table(folders[0] / "images.csv")["source"])
    empty = pd.DataFrame()
    tables = StudyTables(deltas, headline, empty, empty, sets, word)
    conclusion = verdict.conclude(study, tables, [])
    return Macro([str(one.images.positive) for one in studies], deltas, headline, conclusion)


def _read_study(folder: Path) -> Study:
    return Study.model_validate(yaml.safe_load((folder / "study.yaml").read_text()))


def _read_table(file: Path) -> pd.DataFrame:
    if not file.read_text().strip():
        return pd.DataFrame()
    return pd.read_csv(file).fillna({"unlike_real": ""})


def _read_predictions(folder: Path) -> pd.DataFrame:
    """The predictions as they were before they were written: generators are numbers or ""."""
    table = pd.read_csv(folder / "predictions.csv", keep_default_na=False, dtype=TEXT)
    for name in ("generator", "repeat", "fold"):
        table[name] = [int(float(value)) if str(value) else "" for value in table[name]]
    return table
