"""How often does a growing study claim what is not true, and how soon does it find what is?

    python benchmarks/studies/looks.py [--studies 1000]

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
options = parser.parse_args()

ALPHA, MARGIN, EFFECT, SEEDS, BOOTSTRAP, GROUPS = 0.05, 0.02, 0.04, 20, 200, 160
SIZES = [5, 10, 15, SEEDS]  # seeds at each look
LEVELS = {  # of each look
    "naive": [ALPHA] * 4,
    "undeclared": [ALPHA, *(spending.undeclared_level(ALPHA, look) for look in (2, 3, 4))],
    "declared": spending.increments(ALPHA, SIZES),
    "one look": [0, 0, 0, ALPHA],
}
SETTINGS = {  # arms, generators; standard deviations: test images, generator, seed, training
    "1 arm, mostly test images": (1, 1, 0.020, 0.0, 0.015, 0.015),
    "1 arm, mostly trainings": (1, 1, 0.004, 0.0, 0.020, 0.020),
    "4 arms, mostly test images": (4, 1, 0.020, 0.0, 0.015, 0.015),
    "4 arms, mostly trainings": (4, 1, 0.004, 0.0, 0.020, 0.020),
    "4 arms, 3 generators": (4, 3, 0.010, 0.010, 0.015, 0.015),
}


def simulate(rng, setting: tuple) -> list[list[statistics.Estimate]]:
    """The estimates of all arms at each look, where no arm has an effect."""
    arms, generators, test, generator, seed, training = setting
    deltas = rng.normal(0, test, (arms, 1, 1, 1))
    deltas = deltas + rng.normal(0, generator, (arms, 1, generators, 1))
    deltas = deltas + rng.normal(0, seed / 2**0.5, (1, 1, 1, SEEDS))  # shared by all arms
    deltas = deltas + rng.normal(0, seed / 2**0.5, (arms, 1, 1, SEEDS))
    deltas = deltas + rng.normal(0, training, (arms, 1, generators, SEEDS))
    resampled = rng.normal(0, test, (BOOTSTRAP, arms, 1, 1, 1))
    looks = [deltas[..., :seeds] for seeds in SIZES]
    return [statistics.estimate_family(look, look + resampled, GROUPS) for look in looks]


def verdicts(estimates: list, levels: list[float], truth: np.ndarray) -> dict[int, tuple]:
    """The first verdict of each arm, and the number of seeds that it was found with."""
    found: dict[int, tuple[str, int]] = {}
    for look, level, seeds in zip(estimates, levels, SIZES, strict=True):
        left = [arm for arm in range(len(look)) if arm not in found] if level else []
        now = [look[arm]._replace(delta=look[arm].delta + truth[arm]) for arm in left]
        earlier = [word for word, _ in found.values()]
        words = statistics.family_verdicts(now, MARGIN, 1 - level, earlier)
        found |= {
            arm: (one.verdict, seeds)
            for arm, one in zip(left, words, strict=True)
            if one.verdict != "inconclusive"
        }
    return found


print("| setting | scheme | false helps or hurts | false equivalent | finds +0.04 | mean seeds |")
print("|---|---|---|---|---|---|")
for name, setting in SETTINGS.items():
    rng, zero = np.random.default_rng(0), np.zeros(setting[0])
    first = np.where(np.arange(setting[0]) == 0, EFFECT, 0.0)
    studies = [simulate(rng, setting) for _ in range(options.studies)]
    for scheme, levels in LEVELS.items():
        null, same, planted = (
            [verdicts(study, levels, truth) for study in studies]
            for truth in (zero, zero + MARGIN, first)
        )
        false = [any(word in ("helps", "hurts") for word, _ in one.values()) for one in null]
        equal = [any(word == "equivalent" for word, _ in one.values()) for one in same]
        found = [one.get(0, ("", SEEDS)) for one in planted]
        power = [word == "helps" for word, _ in found]
        seeds = np.mean([seeds for _, seeds in found])
        print(
            f"| {name} | {scheme} | {np.mean(false):.1%} | {np.mean(equal):.1%} | "
            f"{np.mean(power):.1%} | {seeds:.1f} |",
            flush=True,
        )
