"""Timing of the parts of a study on this machine: each is run for a few steps."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from classifiers.evaluation import intervals, metrics
from classifiers.training.batches import Examples
from classifiers.training.trainer import Classifier
from experiments.design.study import ClassifierOptions, Study
from experiments.running.data_split import DataSplit
from ufgen.images.image_set import ImageSet

STEPS = 8
FIGURES = 10


class ClassifierCost(NamedTuple):
    """Seconds of the parts of a classifier's training.

    Attributes:
        start: To build and compile the network.
        seed: To initialise it for another seed.
        trial: One trial, by augmentation policy.
    """

    start: float
    seed: float
    trial: dict[str, float]


def time_classifier(
    study: Study, data: DataSplit, classifier: ClassifierOptions, precision: str
) -> ClassifierCost:
    """Train a classifier for a few steps on the study's images, after compilation.

    A step is the larger of the median and the mean of several (the mean on asynchronous devices).
    Features of a frozen backbone, which are stored, belong to the start.

    Args:
        study: The study.
        data: One division of its images.
        classifier: One of its classifiers.
        precision: Precision of its training.

    Returns:
        The cost.
    """
    images, training = study.images, study.training_of(classifier)

    def examples(chosen: ImageSet) -> Examples:
        return Examples(data.store.take(chosen), chosen.targets())

    fit, validation = examples(data.fit), examples(data.validation)
    started = time.perf_counter()
    network = Classifier(
        classifier.name, images.resolution, images.channels, classifier.weights, precision
    )
    policies = list(dict.fromkeys(arm.augmentation for arm in study.parsed_arms()))
    phases = training.phases()

    def train(trained: str, steps: int, policy: str, seed: int = 0) -> list[float]:
        """Seconds since the start of the training at each step, and at its end."""
        short = replace(training, trained=trained, frozen_steps=0, steps=steps, evaluations=1)
        began, times = time.perf_counter(), []
        network.fit(fit, validation, short, seed, policy, lambda: times.append(_since(began)))
        return [*times, _since(began)]

    for trained, _ in phases:
        for policy in policies:
            train(trained, 1, policy)
    prediction = median_seconds(lambda: network.predict(validation.pixels))
    explanation = median_seconds(lambda: network.heatmaps(validation.pixels), 1)
    start = time.perf_counter() - started
    began = time.perf_counter()
    train(phases[-1][0], 1, policies[0], seed=1)
    seed = _since(began)
    trial = {}
    for policy in policies:
        trial[policy] = 0.0
        for trained, steps in phases:
            times = train(trained, STEPS, policy, seed=1)
            mean = (times[-1] - times[0] - prediction) / (STEPS - 1)
            step = max(np.median(np.diff(times[:-1])), mean)
            trial[policy] += times[0] + steps * step
        tests = len(data.test) / max(1, len(data.validation))
        views = 1 + training.test_views
        trial[policy] += prediction * (training.evaluations + views + views * tests)
        trial[policy] += explanation * tests
    return ClassifierCost(start, seed, trial)


def time_bootstrap(study: Study, data: DataSplit) -> float:
    """Time the bootstrap of one trial's metrics on the test images, in folds also by fold.

    Args:
        study: The study.
        data: One division of its images.

    Returns:
        Seconds.
    """
    rng = np.random.default_rng(0)
    test = data.test
    weights = intervals.group_weights(test.table["group"].to_numpy(), study.bootstrap, rng)
    scores, labels = rng.uniform(size=len(test)), test.targets()

    def evaluate() -> None:
        metrics.evaluate(labels, scores, 0.5, weights)
        if study.folds:
            half, one_fold = np.full(len(test), 0.5), np.zeros(len(test))
            metrics.contributions(labels, scores, half, one_fold, weights)

    return median_seconds(evaluate)


def time_report(study: Study) -> float:
    """Time the figures of a report, each in three formats.

    Args:
        study: The study.

    Returns:
        Seconds.
    """
    from ufgen.display.figure_style import FORMATS, line_styles, open_figure, save, style

    @style()
    def draw(folder: Path) -> None:
        figure = open_figure()
        for axes in figure.subplots(1, 3):
            for look in line_styles(len(study.arms)):
                axes.plot(np.linspace(0, 1, 50), np.linspace(0, 1, 50) ** 2, **look, label="an arm")
            axes.legend()
        save(figure, *(folder / f"figure{kind}" for kind in FORMATS))

    with tempfile.TemporaryDirectory() as folder:
        return FIGURES * median_seconds(lambda: draw(Path(folder)))


def median_seconds(action: Callable[[], object], repeats: int = 3) -> float:
    """Time an action by the median of some calls, after one that compiles or reads.

    Args:
        action: What is timed.
        repeats: Number of calls that are timed.

    Returns:
        Seconds.
    """
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        action()
        seconds.append(_since(began))
    return float(np.median(seconds[1:]))


def _since(began: float) -> float:
    return time.perf_counter() - began
