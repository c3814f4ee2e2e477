"""How often does a study without any effect claim one when its metric is chosen afterwards?

    python benchmarks/studies/late_metrics.py [--studies 2000] [--only TEXT]

Scores of test and validation images are drawn as in `statistics_calibration.py`, one arm beside the
real images; but a training on real images varies as one with a generator does, so that no metric
has a true change. Each training is calibrated on 80 validation images as ufgen does it (temperature
and threshold), and all of `metrics.NAMES` are compared. Declared is ROC AUC; where it says neither
helps nor hurts, another of the metrics on the page is declared in its place, if one would say so.

Prints how many studies say helps or hurts: of the declared metric, of it or a later one tested at
0.05 as if it had been declared, of it or a later one as a second look that was not declared, and of
it or a later one at that look's level divided by the number of other metrics, all of which the page
shows. Last, the mean correlation of ROC AUC's change with that of the other metrics.
"""

import argparse

import numpy as np
from scipy.special import expit

from classifiers.evaluation import calibration, intervals, metrics
from experiments import statistics
from experiments.statistics import spending

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--studies", type=int, default=2000)
parser.add_argument("--bootstrap", type=int, default=200)
parser.add_argument("--only", default="", help="only the settings whose names hold this text")
options = parser.parse_args()

ALPHA, MARGIN, GAP, VALIDATION, DECLARED = 0.05, 0.02, 1.2, 80, "roc_auc"
SETTINGS = {  # test images, generators, seeds, standard deviation of a generator
    "160 images, 5 seeds, no generator": (160, 1, 5, 0.0),
    "160 images, 5 seeds, 3 generators": (160, 3, 5, 0.08),
}
SPREAD = {  # standard deviations of the parts of a score, its gap between the classes, its mean
    "image": 0.86,
    "image and arm": 0.35,
    "image and training": 0.45,
    "seed": 0.12,
    "arm and seed": 0.12,
    "offset": 0.2,  # of all scores of a training
}
SECOND = spending.undeclared_level(ALPHA, 2)
LEVELS = {
    "as if declared": ALPHA,
    "second look": SECOND,
    "divided": SECOND / (len(metrics.NAMES) - 1),
}


def deltas_of(rng, setting: tuple) -> dict[str, np.ndarray]:
    """Arm minus real in each metric, (1 + B, G, S): of the images, and of resampled ones."""
    count, generators, seeds, spread = setting
    total = count + VALIDATION
    labels = np.resize([0, 1], total)
    image, of_seed = rng.normal(0, SPREAD["image"], total), rng.normal(0, SPREAD["seed"], seeds)
    weights = intervals.group_weights(np.arange(count), options.bootstrap, rng)
    weights = np.vstack([np.ones(count), weights])

    def arm(generator: np.ndarray) -> dict[str, np.ndarray]:
        """Metrics of trainings, (1 + B, *generator.shape); the last axis is seeds."""
        own = image + rng.normal(0, SPREAD["image and arm"], total)
        gaps = GAP + of_seed + rng.normal(0, SPREAD["arm and seed"], seeds) + generator
        runs = []
        for gap in gaps.ravel():
            scores = gap * (labels - 0.5) + own + rng.normal(0, SPREAD["offset"])
            scores = expit(scores + rng.normal(0, SPREAD["image and training"], total))
            fitted = calibration.fit(labels[count:], scores[count:])
            scores = calibration.scale(scores[:count], fitted.temperature)
            runs.append(metrics.evaluate(labels[:count], scores, fitted.threshold, weights))
        return {
            name: np.stack([run[name] for run in runs], axis=-1).reshape(-1, *gaps.shape)
            for name in metrics.NAMES
        }

    value = arm(np.repeat(rng.normal(0, spread, (generators, 1)), seeds, axis=1))
    baseline = arm(rng.normal(0, spread, (1, seeds)))
    return {name: value[name] - baseline[name] for name in metrics.NAMES}


def claims(estimate: statistics.Estimate, level: float) -> bool:
    """Whether a metric says helps or hurts."""
    word = statistics.family_verdicts([estimate], MARGIN, 1 - level)[0].verdict
    return word in ("helps", "hurts")


def simulate(setting: tuple, seed: int) -> tuple[dict[str, float], float]:
    """Rates of false verdicts by scheme, and the mean correlation with the declared metric."""
    rng, false, changes = np.random.default_rng(seed), [], []
    for _ in range(options.studies):
        found = {
            name: statistics.estimate(deltas[0], deltas[1:], setting[0] // 2)
            for name, deltas in deltas_of(rng, setting).items()
        }
        changes.append([one.delta for one in found.values()])
        declared = claims(found.pop(DECLARED), ALPHA)
        late = [any(claims(one, level) for one in found.values()) for level in LEVELS.values()]
        false.append([declared, *(declared or one for one in late)])
    rates = np.mean(false, axis=0)
    correlations = np.abs(np.ma.corrcoef(np.ma.masked_invalid(changes), rowvar=False))
    row = np.delete(correlations[metrics.NAMES.index(DECLARED)], metrics.NAMES.index(DECLARED))
    return dict(zip(["declared", *LEVELS], rates, strict=True)), float(np.mean(row))


def main() -> None:
    print(f"| studies | declared metric | {' | '.join(LEVELS)} | correlation |")
    print("|---|---|---|---|---|---|")
    for number, (name, setting) in enumerate(SETTINGS.items()):
        if options.only in name:
            rates, correlation = simulate(setting, number)
            shares = " | ".join(f"{rate:.1%}" for rate in rates.values())
            print(f"| {name} | {shares} | {correlation:.2f} |", flush=True)


if __name__ == "__main__":
    main()
