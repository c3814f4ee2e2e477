"""The design of a study for a given time: which folds, generators and seeds serve it best."""

import itertools
from typing import NamedTuple

import numpy as np

from experiments import statistics
from experiments.design.enough import ENOUGH_GENERATORS, ENOUGH_SEEDS
from experiments.design.study import Study
from experiments.planning.plan import duration
from ufgen.errors import UserError

FOLDS = (5, 3, 2)
GENERATORS = (2, 3, 4, 5, 6, 8, 10, 15, 20)
SEEDS = (5, 10, 15, 20, 30, 40)
RESERVE = 0.9
"""Fraction of the time that a design may be expected to take: plans are wrong by some percent."""
FOLD_RESERVE = 0.75
"""The same when folds are chosen, by a few steps of each part: the pilot may take longer."""


class Costs(NamedTuple):
    """Seconds that the parts of a study take on this machine.

    Attributes:
        start: To read images, compile networks, and write the report.
        generator: To train a generator, generate its images and evaluate them.
        seed: To initialise all classifiers for another seed of a fold.
        plain: The trials without synthetic images of one fold and seed.
        synthetic: The trials with synthetic images of one fold, seed and generator.
    """

    start: float
    generator: float
    seed: float
    plain: float
    synthetic: float

    def of(self, folds: int, generators: int, seeds: int) -> float:
        """Add up a design.

        Args:
            folds: Number of folds.
            generators: Number of generators of each fold.
            seeds: Number of classifier seeds.

        Returns:
            Seconds.

        Example:
            >>> Costs(10.0, 100.0, 1.0, 2.0, 3.0).of(5, 2, 10)
            1460.0
        """
        trials = seeds * (self.seed + self.plain + generators * self.synthetic)
        return self.start + folds * (generators * self.generator + trials)


class Design(NamedTuple):
    """The numbers that a budget is spent on.

    Attributes:
        folds: Number of folds, 0 for the images' own test split.
        generators: Number of generators of each fold.
        seeds: Number of classifier seeds.
        half_width: Expected half-width of the headline's interval.
        seconds: Expected time of the whole study.
    """

    folds: int
    generators: int
    seeds: int
    half_width: float
    seconds: float

    def apply(self, study: Study) -> Study:
        """Give a study this design.

        Args:
            study: The study, whose first seeds are kept.

        Returns:
            The study with the seeds 0, 1, 2 and so on.
        """
        generator = study.generator.model_copy(update={"seeds": list(range(self.generators))})
        update = {"folds": self.folds, "generator": generator, "seeds": list(range(self.seeds))}
        return study.model_copy(update=update)


def fewest(folds: int) -> tuple[int, int]:
    """The smallest numbers with which a study has a verdict, which are also those of a pilot.

    Args:
        folds: Number of folds, 0 for the images' own test split.

    Returns:
        Generators of each fold, and seeds.

    Example:
        >>> fewest(5), fewest(0)
        ((2, 5), (3, 5))
    """
    return (2 if folds else ENOUGH_GENERATORS), ENOUGH_SEEDS


def describe(chosen: Design, study: Study) -> str:
    """Say what a design is, and what to expect of it.

    Args:
        chosen: The design.
        study: The study, for its margin.

    Returns:
        One line.
    """
    folds = f"{chosen.folds} folds" if chosen.folds else "the images' own test split"
    each = " in each" if chosen.folds else ""
    return (
        f"{folds}, {chosen.generators} generators{each}, {chosen.seeds} seeds; about "
        f"{duration(chosen.seconds)}; expected half-width of the headline's interval "
        f"±{chosen.half_width:.3f} (margin {study.margin:g})"
    )


def choose_folds(costs: Costs, seconds: float, fixed: int | None = None) -> int:
    """Choose the most folds that fit into a time with the fewest generators and seeds.

    Args:
        costs: Costs of this machine.
        seconds: The time.
        fixed: A number of folds that is kept; None to choose.

    Returns:
        The number of folds, 0 for the images' own test split.

    Raises:
        UserError: Not even the fewest fit.
    """
    candidates = FOLDS if fixed is None else (fixed,)
    for folds in candidates:
        if costs.of(max(folds, 1), *fewest(folds)) <= FOLD_RESERVE * seconds:
            return folds
    generators, seeds = fewest(candidates[-1])
    least = costs.of(max(candidates[-1], 1), generators, seeds) / FOLD_RESERVE
    folds_words = f"{candidates[-1]} folds" if candidates[-1] else "the images' own test split"
    raise UserError(
        f"{duration(seconds)} are too short: the smallest design, {folds_words} with {generators} "
        f"generators and {seeds} seeds, takes {duration(least)} on this machine. Give "
        f"--hours {np.ceil(least / 360) / 10:g}, or fewer images, arms or kimg"
    )


def choose(
    components: statistics.Components,
    groups: int,
    costs: Costs,
    folds: int,
    seconds: float,
    confidence: float,
) -> Design:
    """Choose the generators and seeds with the shortest expected interval that a time allows.

    Args:
        components: Variance components of the pilot, taken as true.
        groups: Test groups of the class with fewer groups.
        costs: Costs of this machine.
        folds: Number of folds.
        seconds: The time for the whole study.
        confidence: Confidence level of the interval.

    Returns:
        The design; of those within one percent of the shortest interval the fastest.
    """
    designs, count = [], max(folds, 1)
    for generators, seeds in itertools.product(GENERATORS, SEEDS):
        needed = costs.of(count, generators, seeds)
        affordable = generators >= fewest(folds)[0] and needed <= RESERVE * seconds
        if affordable or (generators, seeds) == fewest(folds):
            expected = statistics.expected_estimate(components, generators, seeds, groups, count)
            half_width = expected.interval(confidence)[1]
            designs.append(Design(folds, generators, seeds, half_width, needed))
    shortest = min(one.half_width for one in designs)
    near = [one for one in designs if one.half_width <= 1.01 * shortest]
    return min(near, key=lambda one: one.seconds)
