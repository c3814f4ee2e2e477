"""Is the design that `--hours` chooses as good as the best one by hand? Simulated studies.

    python benchmarks/studies/budget_choice.py [--studies 500]

Changes are drawn with the variance components of the headline of a study on BUSI (all images, five
folds; see `A time instead of a design` in docs/benchmarks.md), with generators that differ as much,
half and twice as much; seconds are those of its parts on two cores. The budget sees a simulated
pilot, the first fold with the fewest generators and seeds, which are kept in the study as in
practice, and chooses by `experiments.planning.budget_design`. Each design by hand has as many
generators as fit into the same time. Prints median and 90th percentile of the half-widths that are
reached, how often zero, the truth, is covered, and what was chosen. All designs are taken to train
on the same images, and to test all of them, but the images' own split, which tests a quarter.
"""

import argparse
import collections

import numpy as np

from experiments import statistics
from experiments.planning import budget_design

COMPONENTS = statistics.Components(1.56e-4, 1.76e-5, 1.58e-5, 1.42e-5)
GROUPS = 208
COSTS = budget_design.Costs(start=240, generator=258, seed=1.0, plain=2.0, synthetic=3.6)
MOST_GENERATORS = 50
BY_HAND = ((5, 10), (3, 5), (3, 10), (2, 5), (2, 20), (0, 5))  # folds, seeds


def draw(rng, components: statistics.Components, folds: int) -> np.ndarray:
    """Changes of the largest design, of which others are parts: (folds, generators, seeds)."""
    shape = max(folds, 1), MOST_GENERATORS, max(budget_design.SEEDS)
    deltas = rng.normal(0, components.generators**0.5, (*shape[:2], 1))
    deltas = deltas + rng.normal(0, components.seeds**0.5, (1, 1, shape[2]))
    return deltas + rng.normal(0, components.residual**0.5, shape)


def estimate(rng, deltas: np.ndarray, of_groups: float, groups: int) -> statistics.Estimate:
    """The estimate of a study on a new sample of test groups, whose variance it estimates, too."""
    deltas = deltas + rng.normal(0, of_groups**0.5)
    estimated = of_groups * rng.chisquare(groups - 1) / (groups - 1)
    half = (estimated * (1 - 1 / groups) / 2) ** 0.5
    return statistics.estimate(
        deltas, deltas + np.array([half, -half])[:, None, None, None], groups
    )


def whole(rng, components, deltas: np.ndarray, design: tuple[int, int, int]) -> statistics.Estimate:
    """A study of this design; the images' own split tests a quarter of them."""
    folds, generators, seeds = design
    groups = GROUPS if folds else GROUPS // 4
    part = deltas[:, :generators, :seeds]
    return estimate(rng, part, components.groups * GROUPS / groups, groups)


def chosen(rng, components, deltas: np.ndarray, folds: int, seconds: float) -> tuple:
    """The design of the budget, after a pilot whose runs are among those of the whole study."""
    generators, seeds = budget_design.fewest(folds)
    pilot = deltas[:1, :generators, :seeds]
    found = estimate(rng, pilot, components.groups * folds, GROUPS // folds).components
    found = found._replace(groups=found.groups / folds)
    return budget_design.choose(found, GROUPS, COSTS, folds, seconds, 0.95)[:3]


def by_hand(folds: int, seeds: int, seconds: float) -> tuple[int, int, int]:
    """The design with as many generators as the time allows."""
    count, generators = max(folds, 1), 1
    while COSTS.of(count, generators + 1, seeds) <= seconds:
        generators += 1
    return folds, generators, seeds


def row(title: str, intervals: list[tuple[float, float]], designs: list[tuple]) -> str:
    """The line of one way to choose."""
    low, high = np.array(intervals).T
    half = (high - low) / 2
    covered = ((low <= 0) & (high >= 0)).mean()
    counts, all_of_them = collections.Counter(designs).most_common(3), len(designs)
    words = "; ".join(f"{k}x{g}x{s} {n / all_of_them:.0%}" for (k, g, s), n in counts)
    widths = f"{np.median(half):.4f} | {np.quantile(half, 0.9):.4f}"
    return f"| {title} | {widths} | {covered:.1%} | {words} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=500)
    options = parser.parse_args()
    for hours in (1, 2, 4):
        for ratio in (0.5, 1, 2):
            components = COMPONENTS._replace(generators=ratio**2 * COMPONENTS.generators)
            print(f"\n{hours} h, generators differ {ratio:g} times as much as on BUSI\n")
            print("| design | half-width | 90 % | covers | folds x generators x seeds |")
            print("|---|---|---|---|---|")
            rng, seconds = np.random.default_rng(22), 3600 * hours
            folds = budget_design.choose_folds(COSTS, seconds)
            ways = {"--hours": (folds, None)}
            for folds, seeds in BY_HAND:
                design = by_hand(folds, seeds, budget_design.RESERVE * seconds)
                if design[1] > 1:
                    title = (
                        f"{folds} folds, {seeds} seeds" if folds else f"own split, {seeds} seeds"
                    )
                    ways[title] = folds, design
            for title, (folds, fixed) in ways.items():
                intervals, designs = [], []
                for _ in range(options.studies):
                    deltas = draw(rng, components, folds)
                    design = fixed or chosen(rng, components, deltas, folds, seconds)
                    intervals.append(whole(rng, components, deltas, design).interval(0.95))
                    designs.append(design)
                print(row(title, intervals, designs), flush=True)


if __name__ == "__main__":
    main()
