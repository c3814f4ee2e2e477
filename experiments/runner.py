"""Runs what is not done yet: a study's folder is the only state."""

import json
import time
from datetime import datetime
from pathlib import Path

import pandas as pd
import yaml
from filelock import FileLock, Timeout
from tqdm import tqdm

from classifiers import precision
from classifiers.training import Classifier
from experiments import companions, exchange, report, status, tables
from experiments.arms import mix
from experiments.preparation import (
    Prepared,
    prepare_images,
    prepare_synthetic,
)
from experiments.study import Study, Trial
from experiments.trial import PREDICTIONS, run_trial, trial_folder
from ufgen import environment
from ufgen.atomic import whole_file, write_text
from ufgen.errors import UserError
from ufgen.imageset import ImageSet
from ufgen.pixels import merge_stores


def run(study: Study, root: Path, command: str, retry_failed: bool = False) -> Path:
    """Run a study in `root/<name>/` and return the path of its report.

    Every stage is looked up first: a generator or a trial that was finished for exactly these
    images and settings is not trained again. A trial that fails is recorded, and its seed left out
    of the comparison; with `retry_failed` it is run again. `command` is what the report names as
    its own rerun. Raises UserError, also while another process runs the study.
    """
    folder = Path(root) / study.name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            return _run(study, folder, Path(root) / "generators", command, retry_failed)
    except Timeout:
        raise UserError(
            f"another ufgen is running the study {study.name} in {folder}: wait for it (ufgen "
            "experiment --status shows how far it is), or give this one another name"
        ) from None


def _run(study: Study, folder: Path, generators: Path, command: str, retry_failed: bool) -> Path:
    started = time.time()
    prepared = prepare_images(study)
    synthetic = prepare_synthetic(study, prepared, folder, generators)
    store = merge_stores([prepared.store, *(drawn for _, drawn in synthetic.values())])
    trials = [(trial, _diet(trial, prepared, synthetic)) for trial in study.trials()]
    chosen = _precisions(study, folder)
    folders = [
        trial_folder(folder, study, prepared, trial, diet, chosen[trial.classifier.name])
        for trial, diet in trials
    ]
    status.write(folder, [trial for trial, _ in trials], folders)
    _run_trials(study, prepared, store, trials, folders, chosen, retry_failed)
    drawn = [Path(images.table["path"].iloc[0]).parents[1].name for images, _ in synthetic.values()]
    whole, warnings = status.without_failed(study, folder, command)
    _write_tables(whole, prepared, folders, folder, drawn, warnings)
    about = environment.describe() | {
        "started": datetime.fromtimestamp(started).isoformat(timespec="seconds"),
        "seconds of the last run": f"{time.time() - started:.0f}",
    }
    write_text(folder / "environment.json", json.dumps(about, indent=1))
    return report.write(folder, command)


def _diet(trial: Trial, prepared: Prepared, synthetic: dict) -> ImageSet:
    arm = trial.arm
    drawn = synthetic[trial.generator, arm.filtered][0] if arm.synthetic else None
    return mix(prepared.fit, drawn, arm, trial.seed, prepared.pool)


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


def _run_trials(study, prepared, store, trials, folders, precisions, retry_failed) -> None:
    over = ("trial.json",) if retry_failed else ("trial.json", status.FAILED)
    waiting = [
        (trial, diet, place)
        for (trial, diet), place in zip(trials, folders, strict=True)
        if not any((place / name).is_file() for name in over)
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
            try:
                run_trial(study, prepared, store, trial, diet, network, place, bar.update)
            except Exception as error:
                tqdm.write(f"failed: {trial.title}: {status.record(place, trial, error)}")
                network, name = None, None


def _write_tables(
    study, prepared: Prepared, folders, folder: Path, synthetic: list[str], warnings: list[str]
) -> None:
    """Put the finished trials together: the same bytes, however often the run was interrupted."""
    about, made = [], []
    for place in folders:
        found = place / "trial.json"
        if not found.is_file() or json.loads(found.read_text())["seed"] not in study.seeds:
            continue
        about.append(json.loads(found.read_text()) | {"trial": place.name})
        same = {name: about[-1][name] for name in tables.TRIAL}
        predictions = pd.read_csv(
            place / "predictions.csv", dtype={"label": str, "group": str, "predicted": str}
        )
        made.append(predictions.assign(**same))
    about, made = pd.DataFrame(about), pd.concat(made, ignore_index=True)
    tables.check_equal_budgets(about)
    scores = tables.scores(study, about, made)
    deltas = tables.deltas_table(study, scores)
    conclusion = tables.conclude(study, deltas)
    worth = exchange.table(study, about, scores)
    conclusion["exchange"] = worth["text"].tolist()
    conclusion["warnings"] = warnings + conclusion["warnings"] + _warnings(prepared)
    conclusion["synthetic"] = synthetic
    for name, table in {
        "images": prepared.table(),
        "quarantine": prepared.quarantine,
        "metrics": tables.metrics_table(about, made),
        "predictions": made[[*tables.TRIAL, *PREDICTIONS]],
        "deltas": deltas,
        "companions": companions.table(study, made),
        "exchange": worth,
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
