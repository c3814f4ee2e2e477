"""Do intervals of cross-validated studies hold for new data sets? Real small learners are trained.

    python benchmarks/studies/cross_validation.py [--studies 2000] [--only TEXT]

Each study draws a new data set, divides it into five folds and trains ridge classifiers on random
features (the seed), on real images and jittered copies of them. What jitters, and which of eight
exchangeable features, is drawn for each generator of each fold in the arm, and for each seed of
each fold in the reference: a network of the arm and one of the reference then have the same
distribution over data sets, so that the true mean difference of the ROC AUC is exactly zero.

Prints how often the 95 % interval covers zero, how often a study says helps or hurts (margin 0.02),
and the median width; beside ufgen's the interval of generators crossed over folds (as if a
generator's number meant the same in every fold), Student's over the means of seeds, and Student's
over folds (Nadeau and Bengio, Machine Learning 2003).
"""

import argparse
import time

import numpy as np
from scipy import stats

from classifiers.evaluation import intervals, metrics
from experiments import statistics

SETTINGS = {  # images, images per group, repeats, generators, seeds
    "100 images, 1 generator, 5 seeds": (100, 1, 1, 1, 5),
    "100 images, 2 generators, 5 seeds": (100, 1, 1, 2, 5),
    "100 images, 3 generators, 10 seeds": (100, 1, 1, 3, 10),
    "300 images, 3 generators, 10 seeds": (300, 1, 1, 3, 10),
    "80 groups of 3, 3 generators, 10 seeds": (240, 3, 1, 3, 10),
    "100 images, 2 repeats, 2 generators, 5 seeds": (100, 1, 2, 2, 5),
}
FEATURES, HIDDEN, FOLDS, MARGIN, SIGNAL = 8, 24, 5, 0.02, 0.35


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--bootstrap", type=int, default=200)
    parser.add_argument("--only", default="", help="only the settings whose names hold this text")
    options = parser.parse_args()
    names = ("ufgen", "generators crossed", "over seeds", "over folds")
    print("| studies | interval | covers zero | false verdicts | median width | mean AUC |")
    print("|---|---|---|---|---|---|")
    for number, (name, setting) in enumerate(SETTINGS.items()):
        if options.only not in name:
            continue
        began, rng = time.perf_counter(), np.random.default_rng(number)
        studies = [study(rng, setting, options.bootstrap) for _ in range(options.studies)]
        bounds = np.array([[found[one] for one in names] for found, _ in studies])
        area = np.mean([area for _, area in studies])
        for column, one in enumerate(names):
            low, high = bounds[:, column].T
            covered = ((low <= 0) & (high >= 0)).mean()
            verdicts = [statistics.verdict(*pair, MARGIN) for pair in bounds[:, column]]
            false = np.isin(verdicts, ["helps", "hurts"]).mean()
            width = np.median(high - low)
            print(f"| {name} | {one} | {covered:.1%} | {false:.1%} | {width:.3f} | {area:.2f} |")
        print(f"({options.studies} studies in {time.perf_counter() - began:.0f} s)", flush=True)


def study(rng, setting: tuple, bootstrap: int) -> tuple[dict, float]:
    """The intervals of one study, by their names, and the reference's area."""
    count, size, repeats, generators, seeds = setting
    groups = np.repeat(np.arange(count // size), size)
    labels = np.resize([0, 1], count // size).repeat(size)
    common = rng.normal(0, 0.6, (count // size, FEATURES))[groups]
    images = SIGNAL * (2 * labels - 1)[:, None] + common + rng.normal(0, 0.8, (count, FEATURES))
    hidden = rng.normal(0, 1, (seeds, FEATURES, HIDDEN))
    weights = np.vstack([np.ones(count), intervals.group_weights(groups, bootstrap, rng)])
    arms, references = [], []
    for _ in range(repeats):
        folds = _folds(rng, labels, groups)
        arm, reference = np.empty((generators, seeds, count)), np.empty((1, seeds, count))
        for fold in range(FOLDS):
            test, train = folds == fold, folds != fold
            data = images[train], labels[train], images[test]
            sets = [_jittered(rng, images[train]) for _ in range(generators)]
            for s in range(seeds):
                reference[0, s, test] = _scores(*data, _jittered(rng, images[train]), hidden[s])
                for g in range(generators):
                    arm[g, s, test] = _scores(*data, sets[g], hidden[s])
        arms.append(_by_fold(labels, arm, folds, weights))
        references.append(_by_fold(labels, reference, folds, weights))
    deltas = np.concatenate(arms, axis=1) - np.concatenate(references, axis=1)
    area = float(np.concatenate(references, axis=1)[0].mean())
    return _intervals(deltas, len(np.unique(groups)) // 2), area


def _intervals(deltas: np.ndarray, groups: int) -> dict[str, tuple[float, float]]:
    """Intervals of the mean of deltas, (1 + B, K, G, S)."""
    first, replicates = deltas[0], deltas[1:]
    crossed = deltas.mean(axis=1, keepdims=True)
    of_folds, of_seeds = first.mean(axis=(1, 2)), first.mean(axis=(0, 1))
    ratio = 1 / len(of_folds) + 1 / (FOLDS - 1)  # test images for each training image
    return {
        "ufgen": statistics.estimate(first, replicates, groups).interval(0.95),
        "generators crossed": statistics.estimate(crossed[0], crossed[1:], groups).interval(0.95),
        "over seeds": _student(of_seeds, 1 / len(of_seeds)),
        "over folds": _student(of_folds, ratio),
    }


def _student(values: np.ndarray, scale: float) -> tuple[float, float]:
    half = stats.t.ppf(0.975, len(values) - 1) * np.sqrt(scale * values.var(ddof=1))
    return float(values.mean() - half), float(values.mean() + half)


def _folds(rng, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The fold of each image, of whole groups and stratified."""
    first = np.unique(groups, return_index=True)[1]
    of_group = np.empty(len(first), int)
    for label in (0, 1):
        rows = rng.permutation(np.flatnonzero(labels[first] == label))
        of_group[rows] = np.arange(len(rows)) % FOLDS
    return of_group[groups]


def _jittered(rng, images: np.ndarray) -> np.ndarray:
    """Copies whose noise lies in two features, in a direction of their own, and are scaled."""
    copies, chosen = images.copy(), rng.choice(FEATURES, 2, replace=False)
    copies[:, chosen] += rng.normal(0, 1.2, 2) + rng.normal(0, 1.0, (len(images), 2))
    return copies


def _scores(images, labels, test, copies, hidden) -> np.ndarray:
    """Ridge regression on random features: scores of the test images."""
    inputs = np.tanh(np.concatenate([images, copies]) @ hidden)
    targets = np.concatenate([labels, labels]) - 0.5
    gram = inputs.T @ inputs + 5.0 * np.eye(inputs.shape[1])
    return np.tanh(test @ hidden) @ np.linalg.solve(gram, inputs.T @ targets)


def _by_fold(labels, scores, folds, weights) -> np.ndarray:
    """Areas (1 + B, K, G, S), each K times the fold's contribution."""
    half = np.full(len(labels), 0.5)
    areas = [
        [metrics.contributions(labels, run, half, folds, weights)["roc_auc"] for run in of_one]
        for of_one in scores
    ]
    return FOLDS * np.moveaxis(np.array(areas), (3, 2), (0, 1))


if __name__ == "__main__":
    main()
