"""Looks at a growing study: each arm keeps the row of the look at which its verdict is in."""

from typing import NamedTuple

import pandas as pd

from experiments.analysis.deltas import deltas_table, headline_table
from experiments.analysis.results import Comparison
from experiments.analysis.scores import Scores
from experiments.declaration.looks import Look
from experiments.design.study import Study

DECIDED = ("helps", "hurts", "equivalent")


class Looked(NamedTuple):
    """What the looks at a study found.

    Attributes:
        study: The study, with the seeds of the last look that was taken.
        look: That look.
        deltas: As of `analysis.deltas.deltas_table`, and `look`: the number of the look that each
            row is of, the last one or that at which the arm was stopped.
        headline: As of `analysis.deltas.headline_table`, with the same column.
        needed: The arms that are trained on, in the order of the study: those without a verdict,
            those of a headline comparison without one, and what these are compared with. Empty
            where the study has ended.
    """

    study: Study
    look: Look
    deltas: pd.DataFrame
    headline: pd.DataFrame
    needed: list[str]

    def verdicts(self) -> dict[str, str]:
        """The verdict of each arm, in the primary metric.

        Returns:
            Words by arm.
        """
        return verdicts_of(self.study, self.deltas)

    def comparison(self, alpha: float) -> Comparison:
        """What the study's tables are made of.

        Args:
            alpha: Error rate of the study.

        Returns:
            The rows of all arms, each of the look at which it was stopped.
        """
        only, text = self.look.planned == 1, self.look.describe(alpha)
        if not self.needed and self.look.number != self.look.planned:
            text += " All verdicts are in, and the study has ended."
        return Comparison(self.deltas, self.headline, self.look.confidence, "" if only else text)


def take_looks(
    study: Study,
    seeds: list[int],
    scores: Scores,
    looks: list[Look],
    unlike_real: bool = False,
) -> Looked:
    """Analyse a study at each look, until all verdicts are in or no look is left.

    Args:
        study: As it was declared, all seeds included.
        seeds: Those of its seeds of which no trial failed.
        scores: Scores of the trials that the looks need.
        looks: The looks that can be taken by now; one at least.
        unlike_real: Whether the synthetic images are not like real ones.

    Returns:
        What was found.
    """
    headline_arms = [arm.name for arm in study.headline_arms()]
    study = study.model_copy(update={"headline": headline_arms})
    needed, decided = study.arms, dict[str, str]()
    rows, headline = dict[str, pd.DataFrame](), pd.DataFrame()
    for look in looks:
        of_look = [seed for seed in study.seeds[: look.seeds] if seed in seeds]
        if not of_look:
            continue
        at_look = study.model_copy(update={"seeds": of_look, "arms": needed})
        within = scores.within(at_look)
        table = deltas_table(at_look, within, unlike_real, look.confidence, decided)
        for arm in at_look.compared_arms():
            if arm.name not in decided:
                rows[arm.name] = table[table["arm"] == arm.name].assign(look=look.number)
        if headline_arms and not _in(headline):
            headline = headline_table(at_look, within, unlike_real, look.confidence)
            headline = headline.assign(look=look.number)
        found = verdicts_of(study, pd.concat(rows.values()))
        decided = {arm: word for arm, word in found.items() if word in DECIDED}
        needed = _needed(study, decided, [] if _in(headline) else headline_arms)
        last = look, of_look
        if not needed:
            break
    deltas = pd.concat([rows[arm] for arm in study.arms[1:]], ignore_index=True)
    return Looked(study.model_copy(update={"seeds": last[1]}), last[0], deltas, headline, needed)


def verdicts_of(study: Study, deltas: pd.DataFrame) -> dict[str, str]:
    """The verdict of each arm, in the primary metric.

    Args:
        study: The study.
        deltas: Its deltas.

    Returns:
        Words by arm.
    """
    rows = deltas[(deltas["classifier"] == "all") & (deltas["metric"] == study.primary_metric)]
    return dict(zip(rows["arm"], rows["verdict"], strict=True))


def _in(headline: pd.DataFrame) -> bool:
    return bool(len(headline)) and headline["verdict"].iloc[0] in DECIDED


def _needed(study: Study, decided: dict[str, str], headline: list[str]) -> list[str]:
    """The arms that are trained on, with all that they are compared with."""
    waiting = {arm.name for arm in study.compared_arms() if arm.name not in decided} | {*headline}
    if not waiting:
        return []
    needed = set(waiting)
    while waiting:
        arms = [arm for arm in study.compared_arms() if arm.name in waiting]
        waiting = {study.reference_of(arm).name for arm in arms} - needed
        needed |= waiting
    return [arm for arm in study.arms if arm in needed]
