"""Runs what is not done yet: a study's folder is the only state."""

import hashlib
import json
import re
import time
from datetime import datetime
from pathlib import Path

import pandas as pd
import yaml
from tqdm import tqdm

import ufgen
from classifiers import calibration, precision
from classifiers.batches import Examples
from classifiers.training import Classifier
from experiments import companions, report, tables
from experiments.arms import mix
from experiments.preparation import (
    Prepared,
    content_key,
    prepare_images,
    prepare_synthetic,
)
from experiments.study import Study, Trial
from ufgen import environment
from ufgen.atomic import whole_file, whole_folder, write_text
from ufgen.imageset import ImageSet
from ufgen.pixels import merge_stores

PREDICTIONS = ["path", "label", "group", "sha256", "target", "probability", "predicted"]


def run(study: Study, root: Path, command: str) -> Path:
    """Run a study in `root/<name>/` and return the path of its report.

    Every stage is looked up first: a generator or a trial that was finished for exactly these
    images and settings is not trained again. `command` is what the report names as its own rerun.
    """
    started, folder = time.time(), Path(root) / study.name
    prepared = prepare_images(study)
    synthetic = prepare_synthetic(study, prepared, folder, Path(root) / "generators")
    store = merge_stores([prepared.store, *(drawn for _, drawn in synthetic.values())])
    trials = [(trial, _diet(trial, prepared, synthetic)) for trial in study.trials()]
    chosen = _precisions(study, folder)
    folders = [
        _trial_folder(folder, study, prepared, trial, diet, chosen[trial.classifier.name])
        for trial, diet in trials
    ]
    _run_trials(study, prepared, store, trials, folders, chosen)
    drawn = [Path(images.table["path"].iloc[0]).parents[1].name for images, _ in synthetic.values()]
    _write_tables(study, prepared, folders, folder, drawn)
    about = environment.describe() | {
        "started": datetime.fromtimestamp(started).isoformat(timespec="seconds"),
        "seconds of the last run": f"{time.time() - started:.0f}",
    }
    write_text(folder / "environment.json", json.dumps(about, indent=1))
    return report.write(folder, command)


def _diet(trial: Trial, prepared: Prepared, synthetic: dict) -> ImageSet:
    drawn = synthetic[trial.generator][0] if trial.arm.synthetic else None
    return mix(prepared.fit, drawn, trial.arm, trial.seed)


def _precisions(study: Study, folder: Path) -> dict[str, str]:
    """The precision that each classifier trains in, in all trials: chosen once for a study."""
    file = folder / "precision.json"
    chosen = json.loads(file.read_text()) if file.is_file() else {}
    for classifier in study.classifiers:
        training, options = study.training_of(classifier), study.images
        if training.precision != "auto" or classifier.name not in chosen:
            chosen[classifier.name] = precision.choose(
                training.precision,
                classifier.name,
                options.resolution,
                options.channels,
                training.batch,
            )
    write_text(file, json.dumps(chosen, indent=1))
    return chosen


def _run_trials(study, prepared, store, trials, folders, precisions) -> None:
    waiting = [
        (trial, diet, place)
        for (trial, diet), place in zip(trials, folders, strict=True)
        if not (place / "trial.json").is_file()
    ]
    if len(waiting) < len(trials):
        tqdm.write(f"{len(trials) - len(waiting)} of {len(trials)} trials are already finished")
    steps = sum(study.training_of(trial.classifier).steps for trial, _, _ in waiting)
    network, name = None, None
    with tqdm(total=steps, unit="step", disable=not waiting) as bar:
        for number, (trial, diet, place) in enumerate(waiting, 1):
            bar.set_description(f"trial {number}/{len(waiting)}: {trial.title}")
            if trial.classifier.name != name:
                name = trial.classifier.name
                network = Classifier(
                    name,
                    study.images.resolution,
                    study.images.channels,
                    trial.classifier.weights,
                    precisions[name],
                )
            run_trial(study, prepared, store, trial, diet, network, place, bar.update)


def run_trial(
    study: Study,
    prepared: Prepared,
    store,
    trial: Trial,
    diet: ImageSet,
    network: Classifier,
    place: Path,
    on_step=lambda: None,
) -> None:
    """Train and evaluate once; write `place/` with predictions.csv, history.csv and trial.json.

    Temperature and threshold come from the validation images; the test images are predicted once,
    after training, in the order of their hash.
    """

    def examples(images: ImageSet) -> Examples:
        return Examples(store.take(images), images.targets())

    training, validation = study.training_of(trial.classifier), examples(prepared.validation)
    history = network.fit(
        examples(diet),
        validation,
        training,
        trial.seed,
        trial.arm.augmentation,
        on_step,
    )
    raw = network.predict(validation.pixels, training.test_views)
    judge = calibration.fit(validation.targets, raw)
    test = prepared.test.select(
        prepared.test.table.sort_values(["sha256", "path"]).index.to_numpy()
    )
    raw = network.predict(store.take(test), training.test_views)
    probability = calibration.scale(raw, judge.temperature)
    negative = next(label for label in test.classes if label != test.positive)
    predictions = test.table.assign(
        target=test.targets(),
        probability=probability,
        predicted=[test.positive if p >= judge.threshold else negative for p in probability],
    )
    with whole_folder(place) as temporary:
        predictions[PREDICTIONS].to_csv(temporary / "predictions.csv", index=False)
        history.to_csv(temporary / "history.csv", index=False)
        about = {
            "arm": trial.arm.name,
            "classifier": trial.classifier.name,
            "generator": "" if trial.generator is None else trial.generator,
            "seed": trial.seed,
            "precision": network.precision,
            "n_train": len(diet),
            "threshold": judge.threshold,
            "temperature": judge.temperature,
        }
        (temporary / "trial.json").write_text(json.dumps(about, indent=1))


def _trial_folder(
    folder, study, prepared: Prepared, trial: Trial, diet: ImageSet, precision: str
) -> Path:
    """Where a trial lives: its name, and a hash of everything that its result depends on."""
    depends = {
        "version": ufgen.__version__,
        "train": content_key(diet),
        "validation": content_key(prepared.validation),
        "test": content_key(prepared.test),
        "test paths": sorted(prepared.test.table["path"]),
        "test groups": sorted(prepared.test.table["group"]),
        "positive": diet.positive,
        "images": study.images.model_dump(include={"resolution", "channels", "fit"}),
        "classifier": [trial.classifier.name, trial.classifier.weights],
        "training": study.training_of(trial.classifier).as_dict() | {"precision": precision},
        "augmentation": trial.arm.augmentation,
        "seed": trial.seed,
    }
    key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:10]
    generator = "" if trial.generator is None else f"_generator{trial.generator}"
    title = f"{trial.arm.name}_{trial.classifier.name}{generator}_seed{trial.seed}"
    return folder / "trials" / f"{re.sub(r'[^A-Za-z0-9._@+-]', '-', title)}_{key}"


def _write_tables(study, prepared: Prepared, folders, folder: Path, synthetic: list[str]) -> None:
    """Put the finished trials together: the same bytes, however often the run was interrupted."""
    about, made = [], []
    for place in folders:
        about.append(json.loads((place / "trial.json").read_text()) | {"trial": place.name})
        same = {name: about[-1][name] for name in tables.TRIAL}
        predictions = pd.read_csv(
            place / "predictions.csv", dtype={"label": str, "group": str, "predicted": str}
        )
        made.append(predictions.assign(**same))
    about, made = pd.DataFrame(about), pd.concat(made, ignore_index=True)
    deltas = tables.deltas_table(study, about, made)
    conclusion = tables.conclude(study, deltas)
    conclusion["warnings"] += _warnings(prepared)
    conclusion["synthetic"] = synthetic
    for name, table in {
        "images": prepared.table(),
        "quarantine": prepared.quarantine,
        "metrics": tables.metrics_table(about, made),
        "predictions": made[[*tables.TRIAL, *PREDICTIONS]],
        "deltas": deltas,
        "companions": companions.table(study, made),
    }.items():
        with whole_file(folder / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False)
    write_text(folder / "verdict.json", json.dumps(conclusion, indent=1))
    resolved = study.model_dump()
    resolved["images"]["positive"] = prepared.fit.positive
    write_text(folder / "study.yaml", yaml.safe_dump(resolved, sort_keys=False))


def _warnings(prepared: Prepared) -> list[str]:
    found = []
    if len(prepared.quarantine):
        found.append(f"{len(prepared.quarantine)} files could not be read and were left out.")
    images = prepared.table()
    if (images["group"] == "path:" + images["path"]).all():
        found.append(
            "No groups were given: every image counts as its own patient. If patients have several "
            "images, the split may leak and the intervals are too narrow."
        )
    conflicting = images.groupby("sha256")["label"].nunique() > 1
    if conflicting.any():
        found.append(f"{int(conflicting.sum())} pictures appear under more than one label.")
    return found
