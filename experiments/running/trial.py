"""One trial: trained and evaluated once, in a folder named after all that it depends on."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from classifiers.evaluation import calibration, metrics
from classifiers.training import weight_selection
from classifiers.training.batches import Examples
from classifiers.training.trainer import Classifier
from experiments.design.study import Study
from experiments.design.trials import Trial
from experiments.running.data_split import DataSplit, content_key
from ufgen import provenance
from ufgen.atomic import atomic_folder
from ufgen.display import tensorboard
from ufgen.images import positive_class
from ufgen.images.image_set import ImageSet
from ufgen.images.pixel_store import PixelStore

PREDICTIONS = ["path", "label", "group", "sha256", "target", "probability", "predicted"]
PREDICTIONS += ["threshold"]
HEATMAPS = "heatmaps.npy"


def run_trial(
    study: Study,
    data_split: DataSplit,
    store: PixelStore,
    trial: Trial,
    training_set: ImageSet,
    network: Classifier,
    folder: Path,
    on_step: Callable[[], None] = lambda: None,
) -> None:
    """Train and evaluate once; write predictions.csv, history.csv and trial.json.

    Temperature and threshold come from the validation images; the test images are predicted once,
    after training, in the order of their hash. trial.json says whether all test images get the
    same probability (`constant`), and whether the weights are those of the first evaluation
    (`kept_first`). Trials of the first seed, generator and repeat also write heatmaps.npy, the
    Grad-CAM heatmaps of the N test images: float16 (N, h, w), each divided by its maximum; all 0
    where the probability is constant.

    Args:
        study: How the classifier is trained.
        data_split: Validation and test images.
        store: The pixels of all images, synthetic ones included.
        trial: The arm, the classifier and the seed.
        training_set: What the arm trains on.
        network: The compiled classifier; any weights it has are replaced by the seed's.
        folder: The trial's folder; it appears whole.
        on_step: Called after each optimiser step.
    """
    started, cpu_started = time.perf_counter(), time.process_time()

    def examples(images: ImageSet, pretraining: np.ndarray | None = None) -> Examples:
        return Examples(store.take(images), images.targets(), pretraining)

    synthetic = (training_set.table["source"] == "synthetic").to_numpy()
    training, validation = study.training_of(trial.classifier), examples(data_split.validation)
    curves = tensorboard.Curves(f"classifiers/{folder.name}")
    history = network.fit(
        examples(training_set, synthetic if trial.arm.pretrain else None),
        validation,
        training,
        trial.seed,
        trial.arm.augmentation,
        on_step,
        curves,
    )
    curves.close()
    raw = network.predict(validation.pixels, training.test_views)
    calibrated = calibration.fit(validation.targets, raw)
    test = data_split.test.select(
        data_split.test.table.sort_values(["sha256", "path"]).index.to_numpy()
    )
    raw = network.predict(store.take(test), training.test_views)
    probability = calibration.scale(raw, calibrated.temperature)
    constant = metrics.is_constant(probability)
    negative = positive_class.negative(test)
    threshold = calibrated.threshold
    predictions = test.relative().assign(
        target=test.targets(),
        probability=probability,
        threshold=threshold,
        predicted=[test.positive if p >= threshold else negative for p in probability],
    )
    with atomic_folder(folder) as temporary:
        predictions[PREDICTIONS].to_csv(temporary / "predictions.csv", index=False)
        history.to_csv(temporary / "history.csv", index=False)
        metadata = {
            **trial.columns(),
            "settings": settings_hash(study, data_split, trial, training_set, network.precision),
            "made_by": versions(),
            "precision": network.precision,
            "n_train": len(training_set),
            "steps": int(history["step"].iloc[-1]),
            "batch": training.batch,
            "initial_sha256": network.initial_sha256(),
            "validation_sha256": content_key(data_split.validation),
            "threshold": threshold,
            "temperature": calibrated.temperature,
            "constant": constant,
            "kept_first": weight_selection.kept_first(history),
            "seconds": round(time.perf_counter() - started, 2),
            "cpu_seconds": round(time.process_time() - cpu_started, 2),
        }
        first = trial.seed == study.seeds[0] and trial.split.repeat == 0
        if first and trial.generator in (None, study.generator.seeds[0]):
            heatmaps = network.heatmaps(store.take(test))
            largest = np.maximum(heatmaps.max(axis=(1, 2), keepdims=True), 1e-12)
            relative = np.zeros_like(heatmaps) if constant else heatmaps / largest
            np.save(temporary / HEATMAPS, relative.astype("float16"))
        (temporary / "trial.json").write_text(json.dumps(metadata, indent=1))


def read_predictions(folder: Path) -> pd.DataFrame:
    """Read the predictions of a trial; what is text stays text, also a group called NA.

    Args:
        folder: The trial's folder.

    Returns:
        One row per test image, with the columns `PREDICTIONS`.
    """
    text = dict.fromkeys(["path", "label", "group", "sha256", "predicted"], str)
    return pd.read_csv(folder / "predictions.csv", dtype=text, keep_default_na=False)


def trial_folder(folder: Path, trial: Trial, settings: str) -> Path:
    """Name the folder of a trial: its arm, classifier and seeds, and a hash of what made it.

    Args:
        folder: The study's folder.
        trial: What is trained.
        settings: What `settings_hash` returned.

    Returns:
        A path in `folder/trials/`.
    """
    key = provenance.key(10, settings, versions())
    generator = "" if trial.generator is None else f"_generator{trial.generator}"
    split = trial.split.title(repeats=trial.split.repeat + 1).replace(" ", "").replace(",", "_")
    split = f"_{split}" if split else ""
    title = f"{trial.arm.name}_{trial.classifier.name}{generator}_seed{trial.seed}{split}"
    return folder / "trials" / f"{re.sub(r'[^A-Za-z0-9._@+-]', '-', title)}_{key}"


def versions() -> dict[str, str]:
    """Name the versions that the result of a trial depends on.

    Returns:
        Versions of libraries and a hash of the code, by name.
    """
    return provenance.versions("training", "experiments.running.trial", "ufgen.images.pixel_store")


def settings_hash(
    study: Study, data_split: DataSplit, trial: Trial, training_set: ImageSet, precision: str
) -> str:
    """Hash everything that is requested of a trial: images, network, training and seed.

    Args:
        study: How images are read and the classifier is trained.
        data_split: Validation and test images.
        trial: The arm, the classifier and the seed.
        training_set: What the arm trains on.
        precision: That of the network.

    Returns:
        16 hexadecimal digits.
    """
    test = data_split.test.relative()[["path", "sha256", "label", "group"]]
    depends = {
        "train": content_key(training_set),
        "validation": content_key(data_split.validation),
        "test": sorted(test.itertuples(index=False, name=None)),
        "positive": training_set.positive,
        "images": study.images.model_dump(include={"resolution", "channels", "fit"}),
        "classifier": [trial.classifier.name, provenance.hash_weights(trial.classifier.weights)],
        "training": study.training_of(trial.classifier).as_dict() | {"precision": precision},
        "augmentation": trial.arm.augmentation,
        "pretrain": trial.arm.pretrain,
        "seed": trial.seed,
    }
    if preparation := study.images.preparation:
        depends["prepare"] = preparation.key
    return provenance.key(16, depends)
