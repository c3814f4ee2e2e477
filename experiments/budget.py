"""A study for a given time: measures this machine, runs a pilot, and chooses the design."""

import json
import time
from pathlib import Path

import numpy as np

from experiments import runner, statistics
from experiments.analysis.deltas import headline_estimate
from experiments.analysis.scores import evaluate_trials
from experiments.design.study import Study
from experiments.planning import generator_timing, timing
from experiments.planning.budget_design import (
    FOLDS,
    Costs,
    Design,
    choose,
    choose_folds,
    describe,
    fewest,
)
from experiments.planning.plan import duration
from experiments.running import study_precision, study_trials
from experiments.running.data_split import read_images, split_by_role
from experiments.running.executors.jobs import Executor
from ufgen.atomic import write_text
from ufgen.errors import UserError
from ufgen.progress import print_line

DESIGN_FILE = "design.json"


def design(study: Study, root: Path, hours: float, executor: Executor) -> Study:
    """Choose folds, generators and seeds for a time, or read what was chosen before.

    The pilot is the first fold with two generators and five seeds. Its variance components alone,
    never its effect, choose the design; its trials are kept.

    Args:
        study: What is compared; its folds and seeds are replaced.
        root: The folder of all studies, and of their `generators/`.
        hours: The time for everything, the pilot included.
        executor: Trains.

    Returns:
        The study with the design, which is stored in `root/<name>/design.json`.

    Raises:
        UserError: The study has no arm with synthetic images or has parts, or the time is too short
            for the smallest design.
    """
    folder = Path(root) / study.name
    file = folder / DESIGN_FILE
    if file.is_file():
        stored = json.loads(file.read_text())
        if stored.pop("hours") == hours:
            chosen = Design(**stored)
            print_line(f"The design was chosen before: {describe(chosen, study)}")
            return chosen.apply(study)
    if not study.headline_arms():
        raise UserError("--hours needs an arm with synthetic images, such as real+synthetic@1.0")
    if study.images.parts > 1 or study.looks:
        name = "looks fix" if study.looks else "images.parts fixes"
        raise UserError(f"--hours chooses the number of seeds, which {name}: use one of both")
    started = time.perf_counter()
    costs = measure(study)
    folds = choose_folds(costs, 3600 * hours, 0 if study.folds == 0 else None)
    pilot = Design(folds, *fewest(folds), np.nan, np.nan).apply(study)
    cost_of_pilot = costs.of(1, *fewest(folds)) - costs.start
    print_line(f"Pilot, the first fold: about {duration(cost_of_pilot)}")
    components, groups, costs = run_pilot(pilot, root, executor, costs)
    left = 3600 * hours - (time.perf_counter() - started)
    done = costs.of(1, *fewest(folds)) - costs.start
    chosen = choose(components, groups, costs, folds, left + done, study.confidence)
    write_text(file, json.dumps(chosen._asdict() | {"hours": hours}, indent=1))
    print_line(f"Design for {hours:g} h: {describe(chosen, study)}")
    if chosen.seconds > left + done:
        print_line(
            "That is more than was asked for: the pilot took longer than what was measured before "
            "it, and there is no smaller design with these folds"
        )
    return chosen.apply(study)


def reached(conclusion: dict) -> str:
    """Say how long the headline's interval has become.

    Args:
        conclusion: The content of verdict.json.

    Returns:
        One line.
    """
    row = conclusion["primary"]
    half_width = (row["high"] - row["low"]) / 2
    return f"Half-width of the headline's interval: ±{half_width:.3f}"


def measure(study: Study) -> Costs:
    """Time the parts of a study for a few steps on its images.

    Args:
        study: The study.

    Returns:
        The costs, of one of five folds where it is cross-validated.
    """
    began = time.perf_counter()
    study, precisions = study_precision.resolve(
        study.model_copy(update={"folds": FOLDS[0] if study.folds else 0})
    )
    data = split_by_role(study, read_images(study), study.splits()[0])
    number = max(1, study.folds) * len(study.generator.seeds)
    generator = generator_timing.measure(study, data, number)
    kinds = len({arm.filtered for arm in study.parsed_arms() if arm.synthetic})
    bootstrap = timing.time_bootstrap(study, data)
    start, seed, plain, synthetic = timing.time_report(study), 0.0, 0.0, 0.0
    for classifier in study.classifiers:
        cost = timing.time_classifier(study, data, classifier, precisions[classifier.name])
        start, seed = start + cost.start, seed + cost.seed
        for arm in study.parsed_arms():
            seconds = cost.trial[arm.augmentation] + bootstrap
            plain += 0.0 if arm.synthetic else seconds
            synthetic += seconds if arm.synthetic else 0.0
    training = generator.training(study.generator_recipe()) / generator.beside
    each = training + kinds * generator.generation
    return Costs(start + time.perf_counter() - began, each, seed, plain, synthetic)


def run_pilot(
    study: Study, root: Path, executor: Executor, costs: Costs
) -> tuple[statistics.Components, int, Costs]:
    """Run the first split of a study, and estimate its variance components.

    Args:
        study: The study with the pilot's generators and seeds.
        root: The folder of all studies.
        executor: Trains.
        costs: What was measured before.

    Returns:
        Components of the headline's change, with that of the test groups as of all folds together;
        the test groups of the class with fewer groups, of all folds; the costs, which are those
        that the pilot had where these are larger.

    Raises:
        UserError: The pilot has no interval.
    """
    folder, key = Path(root) / study.name, study.splits()[0]
    began = time.perf_counter()
    prepared = runner.prepare(study, folder, Path(root) / "generators", executor, [key])
    generator = (time.perf_counter() - began) / len(study.generator.seeds)
    began = time.perf_counter()
    runner.train(prepared, folder, "ufgen experiment", executor, retry_failed=False)
    took = time.perf_counter() - began
    finished = study_trials.read_finished(study, prepared.jobs)
    single = study.model_copy(update={"folds": 0, "repeats": 1})
    scores = evaluate_trials(single, finished.predictions.assign(fold="", repeat=""))
    found = headline_estimate(single, scores)
    if not np.isfinite(found.standard_error):
        raise UserError(
            "the pilot has no interval: its networks give all test images the same probability, or "
            f"the test images are too few. Look at {folder / 'trials'}, train for more steps, or "
            "name folds, generators and seeds in a study file instead of --hours"
        )
    folds = max(study.folds, 1)
    components = found.components._replace(groups=found.components.groups / folds)
    with_synthetic = {arm.name for arm in study.parsed_arms() if arm.synthetic}
    synthetic = finished.metadata["arm"].isin(with_synthetic).to_numpy()
    seconds = np.array([one["seconds"] for one in finished.costs])
    seconds *= min(1.0, took / seconds.sum())  # of trials side by side; less if some were kept
    runs = len(study.seeds), len(study.seeds) * len(study.generator.seeds)
    costs = costs._replace(
        generator=max(costs.generator, generator),
        plain=max(costs.plain, seconds[~synthetic].sum() / runs[0]),
        synthetic=max(costs.synthetic, seconds[synthetic].sum() / runs[1]),
    )
    return components, scores.groups * folds, costs
