"""How long the parts of a study take on this machine: each is run for a few steps, then timed."""

import json
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
from experiments.running import synthetic_images
from experiments.running.data_split import DataSplit

STEPS = 8
PROGRAMS = 3
FIGURES = 10


class GeneratorCost(NamedTuple):
    """Seconds: to build, compile and finish one; a step; an evaluation; drawing and describing."""

    start: float
    step: float
    evaluation: float
    drawing: float


class ClassifierCost(NamedTuple):
    """Seconds: to build and compile a network; for each new seed; for a trial by augmentation."""

    start: float
    seed: float
    trial: dict[str, float]


def time_classifier(
    study: Study, prepared: DataSplit, classifier: ClassifierOptions, precision: str
) -> ClassifierCost:
    """Train the network for a few steps on the study's images, once they are compiled.

    A step is the median of several, or, where the device works ahead of the program, their mean.
    Features of a frozen backbone, which are stored, belong to the start.
    """
    images, training = study.images, study.training_of(classifier)

    def examples(chosen) -> Examples:
        return Examples(prepared.store.take(chosen), chosen.targets())

    fit, validation = examples(prepared.fit), examples(prepared.validation)
    started = time.perf_counter()
    network = Classifier(
        classifier.name, images.resolution, images.channels, classifier.weights, precision
    )
    policies = list(dict.fromkeys(arm.augmentation for arm in study.parsed_arms()))
    phases = training.phases()

    def train(trained: str, steps: int, policy: str, seed: int = 0) -> list[float]:
        """Seconds since the start of the training at each step, and at its end."""
        short = replace(training, trained=trained, frozen_steps=0, steps=steps, evaluations=1)
        began, stamps = time.perf_counter(), []
        network.fit(fit, validation, short, seed, policy, lambda: stamps.append(_since(began)))
        return [*stamps, _since(began)]

    for trained, _ in phases:
        for policy in policies:
            train(trained, 1, policy)
    judged = median(lambda: network.predict(validation.pixels))
    explained = median(lambda: network.heatmaps(validation.pixels), 1)
    start = time.perf_counter() - started
    began = time.perf_counter()
    train(phases[-1][0], 1, policies[0], seed=1)
    seed = _since(began)
    trial = {}
    for policy in policies:
        trial[policy] = 0.0
        for trained, steps in phases:
            stamps = train(trained, STEPS, policy, seed=1)
            ahead = (stamps[-1] - stamps[0] - judged) / (STEPS - 1)
            step = max(np.median(np.diff(stamps[:-1])), ahead)
            trial[policy] += stamps[0] + steps * step
        tests = len(prepared.test) / max(1, len(prepared.validation))
        views = 1 + training.test_views
        trial[policy] += judged * (training.evaluations + views + views * tests)
        trial[policy] += explained * tests
    return ClassifierCost(start, seed, trial)


def time_generator(study: Study, prepared: DataSplit) -> GeneratorCost:
    """Train a generator for a few programs, draw what the study needs, and describe it.

    This is the run's own code in a temporary folder; an untrained generator's images would not
    pass filters, so that arms with `:filtered` are timed as those without.
    """
    from ufgen.gan.training.trainer import train_generator

    recipe = study.generator_recipe()
    kimg = recipe.steps_per_call * recipe.batch / 1000
    options = study.generator.options | {"kimg": 2 * PROGRAMS * kimg, "minutes": 0}
    options |= {"evaluate_kimg": PROGRAMS * kimg, "patience": 0}
    generator = study.generator.model_copy(
        update={"options": options, "seeds": study.generator.seeds[:1]}
    )
    arms = [name.replace(":filtered", "") for name in study.arms]
    short = study.model_copy(update={"generator": generator, "arms": list(dict.fromkeys(arms))})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.perf_counter()
        recipe = short.generator_recipe(seed=generator.seeds[0])
        pixels = prepared.store.take(prepared.fit)
        train_generator(prepared.fit, pixels, recipe, folder / "generators", progress=False)
        trained = time.perf_counter()
        synthetic_images.prepare_synthetic(short, prepared, folder, folder / "generators")
        drawing = _since(trained)
        (place,) = [file.parent for file in folder.glob("generators/*/complete.json")]
        evaluation = _time_evaluation(place, prepared)
        rows = [json.loads(row) for row in (place / "metrics.jsonl").read_text().splitlines()]
    speeds = [row["images_per_second"] for row in rows if "images_per_second" in row]
    step = recipe.batch / speeds[-1]
    steps = recipe.steps_per_call * 2 * PROGRAMS
    start = max(0.0, trained - started - steps * step - 2 * evaluation)
    return GeneratorCost(start, step, evaluation, drawing)


def _time_evaluation(place: Path, prepared: DataSplit) -> float:
    """Comparing the generator in `place` with its training images, and drawing the curves."""
    from ufgen.fidelity.feature_extractors import texture
    from ufgen.gan.generator_folder import GeneratorFolder, load_generator
    from ufgen.gan.training.snapshot_selection import SnapshotSelector

    network, recipe, _ = load_generator(place)
    fit = prepared.fit
    labels = np.searchsorted(fit.classes, fit.table["label"]).astype("int32")
    judge = SnapshotSelector(texture(), prepared.store.take(fit), labels, recipe)
    rows = [json.loads(row) for row in (place / "metrics.jsonl").read_text().splitlines()]
    folder = GeneratorFolder(place)
    return median(lambda: (judge.compare(network), folder.write_metrics(rows, judge)))


def time_tables(study: Study, prepared: DataSplit) -> float:
    """Bootstrap of one trial's metrics on the test images: seconds."""
    rng = np.random.default_rng(0)
    test = prepared.test
    weights = intervals.group_weights(test.table["group"].to_numpy(), study.bootstrap, rng)
    scores = rng.uniform(size=len(test))
    return median(lambda: metrics.evaluate(test.targets(), scores, 0.5, weights))


def time_report(study: Study) -> float:
    """The figures of a report, each in three formats: seconds."""
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
        return FIGURES * median(lambda: draw(Path(folder)))


def median(action: Callable[[], object], repeats: int = 3) -> float:
    """Seconds of the action: the median of some calls after one that compiles or reads."""
    found = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        action()
        found.append(_since(began))
    return float(np.median(found[1:]))


def _since(began: float) -> float:
    return time.perf_counter() - began
