"""How often does a growing study claim what is not true, and how soon does it find what is?

    python benchmarks/studies/looks.py [--studies 1000] [--schemes TEXT ...]

Changes of the arms are drawn as sums of normal effects of test images (the same at every look),
generators, classifier seeds and single trainings; a study is analysed after some of its 20 seeds,
and the verdict of an arm is its first one. Schemes: `naive`, every look at 0.05; `undeclared`, the
first look at 0.05 and the k-th at 0.05 x 6 / (pi k)^2, as where seeds are added; `declared`, looks
that spend 0.05 as `experiments.statistics.spending` says; `one look`, at all seeds.

Prints how many studies without any effect say helps or hurts of one of the arms, how many whose
true change is the margin say equivalent, how many find a change of +0.04 in the first arm, and the
mean number of seeds after which its verdict is in.
"""

import argparse

import numpy as np

from experiments import statistics
from experiments.statistics import spending

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--studies", type=int, default=1000)
parser.add_argument("--schemes", nargs="*", default=["naive", "undeclared", "declared", "one look"])
options = parser.parse_args()

ALPHA, MARGIN, EFFECT, SEEDS, BOOTSTRAP, GROUPS = 0.05, 0.02, 0.04, 20, 200, 160
LOOKS = {"naive": [5, 10, 15, 20], "undeclared": [5, 10, 15, 20], "declared": [5, 10, 15, 20]}
LOOKS["one look"] = [SEEDS]
LEVELS = {
    "naive": [ALPHA] * 4,
    "undeclared": [ALPHA, *(spending.undeclared_level(ALPHA, look) for look in (2, 3, 4))],
    "declared": spending.increments(ALPHA, LOOKS["declared"]),
    "one look": [ALPHA],
}
SETTINGS = {  # arms, generators; standard deviations: test images, generator, seed, training
    "1 arm, mostly test images": (1, 1, 0.020, 0.0, 0.015, 0.015),
    "1 arm, mostly trainings": (1, 1, 0.004, 0.0, 0.020, 0.020),
    "4 arms, mostly test images": (4, 1, 0.020, 0.0, 0.015, 0.015),
    "4 arms, mostly trainings": (4, 1, 0.004, 0.0, 0.020, 0.020),
    "4 arms, 3 generators": (4, 3, 0.010, 0.010, 0.015, 0.015),
}


def simulate(rng, setting: tuple, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Deltas (A, 1, G, 20), and what resampled test groups add to them (B, A, 1, 1, 1)."""
    arms, generators, *spread = setting
    test, generator, seed, training = spread
    deltas = truth[:, None, None, None] + rng.normal(0, test, (arms, 1, 1, 1))
    deltas = deltas + rng.normal(0, generator, (arms, 1, generators, 1))
    deltas = deltas + rng.normal(0, seed / 2**0.5, (1, 1, 1, SEEDS))  # shared by all arms
    deltas = deltas + rng.normal(0, seed / 2**0.5, (arms, 1, 1, SEEDS))
    deltas = deltas + rng.normal(0, training, (arms, 1, generators, SEEDS))
    return deltas, rng.normal(0, test, (BOOTSTRAP, arms, 1, 1, 1))


def verdicts(scheme: str, deltas: np.ndarray, resampled: np.ndarray) -> dict[int, tuple[str, int]]:
    """The first verdict of each arm, and the number of seeds that it was found with."""
    found: dict[int, tuple[str, int]] = {}
    for seeds, level in zip(LOOKS[scheme], LEVELS[scheme], strict=True):
        now = deltas[..., :seeds]
        estimates = statistics.estimate_family(now, now + resampled, GROUPS)
        left = [arm for arm in range(len(deltas)) if arm not in found]
        earlier = [word for word, _ in found.values()]
        words = statistics.family_verdicts(
            [estimates[arm] for arm in left], MARGIN, 1 - level, earlier
        )
        found |= {
            arm: (one.verdict, seeds)
            for arm, one in zip(left, words, strict=True)
            if one.verdict != "inconclusive"
        }
        if len(found) == len(deltas):
            break
    return found


def share(scheme: str, setting: tuple, truth: np.ndarray, words: set[str], arms: slice):
    """Fraction of studies with one of the words for one of the arms; seeds of the first arm."""
    rng, hits, seeds = np.random.default_rng(0), 0, []
    for _ in range(options.studies):
        found = verdicts(scheme, *simulate(rng, setting, truth))
        hits += any(found[arm][0] in words for arm in range(len(truth))[arms] if arm in found)
        seeds.append(found.get(0, ("", SEEDS))[1])
    return hits / options.studies, np.mean(seeds)


print("| setting | scheme | false helps or hurts | false equivalent | finds +0.04 | mean seeds |")
print("|---|---|---|---|---|---|")
for name, setting in SETTINGS.items():
    zero = np.zeros(setting[0])
    first = np.where(np.arange(setting[0]) == 0, EFFECT, 0.0)
    for scheme in options.schemes:
        false, _ = share(scheme, setting, zero, {"helps", "hurts"}, slice(None))
        same, _ = share(scheme, setting, zero + MARGIN, {"equivalent"}, slice(None))
        power, seeds = share(scheme, setting, first, {"helps"}, slice(1))
        print(
            f"| {name} | {scheme} | {false:.1%} | {same:.1%} | {power:.1%} | {seeds:.1f} |",
            flush=True,
        )
