"""Are intervals and verdicts right as often as they say? Simulated studies whose truth is known.

    python benchmarks/studies/statistics_calibration.py [--studies 2000] [--only TEXT]

Test images have difficulties, alone and in groups; training runs differ by the classifier's seed
and, in the arm, by the generator's. Scores are normal, so that the true ROC AUC over all images and
training runs is known in closed form. Contestants:

- seeds only: Student's interval over the training runs, as if the test images were all there are;
- crossed bootstrap: percentiles, resampling test groups, seeds and generators;
- ufgen: `experiments.statistics.estimate`.

Prints the coverage of 95 % intervals, how often a study without effect says helps or hurts (three
arms, after Holm's correction), and the share of studies that find an effect beside what
`minimum_detectable_effect` promises (80 %).
"""

import argparse

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from classifiers.evaluation import intervals, metrics
from experiments import statistics

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--studies", type=int, default=2000)
parser.add_argument("--bootstrap", type=int, default=400)
parser.add_argument("--only", default="", help="only the settings whose names hold this text")
options = parser.parse_args()

SETTINGS = {  # test groups, images per group, generators, seeds, how much the generator matters
    "160 images, 3 seeds, no generator": (160, 1, 1, 3, 0),
    "160 images, 5 seeds, no generator": (160, 1, 1, 5, 0),
    "160 images, 5 seeds, 2 generators": (160, 1, 2, 5, 1),
    "160 images, 5 seeds, 3 generators": (160, 1, 3, 5, 1),
    "60 groups of 3, 5 seeds, 3 generators": (60, 3, 3, 5, 1),
    "400 images, 10 seeds, 3 generators": (400, 1, 3, 10, 1),
    "160 images, 5 seeds, 1 generator of many": (160, 1, 1, 5, 1),
    "160 images, 5 seeds, 2 very different generators": (160, 1, 2, 5, 4),
    "160 images, 5 seeds, 3 very different generators": (160, 1, 3, 5, 4),
}
SPREAD = {  # standard deviations of the parts of a score, or of its gap between the classes
    "seed": 0.12,  # of a classifier's seed, shared by all arms
    "arm and seed": 0.12,
    "generator": 0.08,
    "group": 0.5,
    "image": 0.7,
    "image and arm": 0.35,
    "image and training": 0.45,
}
GAP = 1.2
ARMS = 3


class Simulated:
    """One study's scores: labels and groups (N,), real (S, N), arms (A, G, S, N)."""

    def __init__(self, rng, setting: tuple, shift: float):
        count, images, generators, seeds, matters = setting
        self.groups = np.repeat(np.arange(count), images)
        self.labels = np.resize([0, 1], count).repeat(images)
        total = len(self.groups)

        def draw(name: str, *shape):
            return rng.normal(0, SPREAD[name], shape)

        image = draw("group", count)[self.groups] + draw("image", total)
        of_seed, arms = draw("seed", seeds, 1), (ARMS, generators, seeds)
        gap = GAP + of_seed + draw("arm and seed", seeds, 1)
        self.real = gap * self.labels + image + draw("image and arm", total)
        self.real += draw("image and training", seeds, total)
        gap = GAP + shift + of_seed + draw("arm and seed", ARMS, 1, seeds, 1)
        gap = gap + matters * draw("generator", ARMS, generators, 1, 1)
        self.arms = gap * self.labels + image + draw("image and arm", ARMS, 1, 1, total)
        self.arms = self.arms + draw("image and training", *arms, total)

    def deltas(self, rng) -> np.ndarray:
        """(1 + B, A, G, S): of the images as they are, and of resampled groups."""
        weights = intervals.group_weights(self.groups, options.bootstrap, rng)
        weights = np.vstack([np.ones(len(self.labels)), weights])

        def areas(scores):
            flat = scores.reshape(-1, scores.shape[-1])
            found = [metrics.roc_auc(self.labels, row, weights) for row in flat]
            return np.stack(found, axis=-1).reshape(len(weights), *scores.shape[:-1])

        return areas(self.arms) - areas(self.real)[:, None, None]


def true_delta(shift: float, matters: float) -> float:
    """The difference of the areas, over all images, groups and training runs."""
    s = {name: value**2 for name, value in SPREAD.items()}
    images = s["group"] + s["image"] + s["image and arm"] + s["image and training"]
    real = s["seed"] + s["arm and seed"]
    arm = real + s["generator"] * matters**2
    area = [
        stats.norm.cdf(gap / np.sqrt(2 * images + trainings))
        for gap, trainings in ((GAP + shift, arm), (GAP, real))
    ]
    return float(area[0] - area[1])


def intervals_of(deltas: np.ndarray, groups: int, rng) -> dict[str, tuple[float, float]]:
    """95 % intervals of an arm's mean delta, (1 + B, G, S)."""
    first, replicates = deltas[0], deltas[1:]
    half = stats.t.ppf(0.975, first.size - 1) * first.std(ddof=1) / np.sqrt(first.size)
    weights = [
        rng.multinomial(levels, np.full(levels, 1 / levels), size=len(replicates)) / levels
        for levels in first.shape
    ]
    means = np.einsum("bgs,bg,bs->b", replicates, *weights)
    return {
        "seeds only": (first.mean() - half, first.mean() + half),
        "crossed bootstrap": tuple(np.quantile(means, [0.025, 0.975])),
        "ufgen": statistics.estimate(first, replicates, groups).interval(0.95),
    }


def simulate(setting: tuple, delta: float, seed: int) -> dict:
    """Coverage and power for the first arm, errors of the family of arms, and what was promised."""
    rng = np.random.default_rng(seed)
    shift = brentq(lambda s: true_delta(s, setting[-1]) - delta, -1, 2)
    covered = dict.fromkeys(("seeds only", "crossed bootstrap", "ufgen"), 0)
    found, family, width, promised = 0, 0, [], []
    for _ in range(options.studies):
        deltas = Simulated(rng, setting, shift).deltas(rng)
        for name, (low, high) in intervals_of(deltas[:, 0], setting[0], rng).items():
            covered[name] += low <= delta <= high
        estimates = [
            statistics.estimate(deltas[0, a], deltas[1:, a], setting[0]) for a in range(ARMS)
        ]
        found += estimates[0].p_value() < 0.05
        family += (statistics.holm([e.p_value() for e in estimates]) < 0.05).any()
        promised.append(estimates[0].minimum_detectable_effect(0.95))
        width.append(estimates[0].standard_error)
    count = options.studies
    return {
        "covered": {name: number / count for name, number in covered.items()},
        "found": found / count,
        "family": family / count,
        "error": float(np.median(width)),
        "promised": float(np.median(promised)),
    }


def main() -> None:
    print("| studies | seeds only | crossed bootstrap | ufgen | false verdicts, three arms |")
    print("|---|---|---|---|---|")
    smallest = {}
    chosen = [(n, s) for n, s in enumerate(SETTINGS.items()) if options.only in s[0]]
    for number, (name, setting) in chosen:
        found = simulate(setting, 0.0, number)
        shares = " | ".join(f"{share:.1%}" for share in found["covered"].values())
        print(f"| {name} | {shares} | {found['family']:.1%} |", flush=True)
        smallest[name] = found["promised"]
    print("\n| studies with a true delta | seeds only | crossed bootstrap | ufgen | found |")
    print("|---|---|---|---|---|")
    for number, (name, setting) in chosen:
        found = simulate(setting, smallest[name], 100 + number)
        shares = " | ".join(f"{share:.1%}" for share in found["covered"].values())
        title = f"{name}, {smallest[name]:+.3f}"
        print(f"| {title} | {shares} | {found['found']:.1%} |", flush=True)


if __name__ == "__main__":
    main()
