"""One trial: trained and evaluated once, in a folder named after all that it depends on."""

import json
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd

from classifiers.evaluation import calibration, metrics
from classifiers.training import weight_selection
from classifiers.training.batches import Examples
from classifiers.training.trainer import Classifier
from experiments.design.study import Study, Trial
from experiments.running.data_split import DataSplit, content_key
from ufgen import provenance
from ufgen.atomic import atomic_folder
from ufgen.display import tensorboard
from ufgen.images.image_set import ImageSet

PREDICTIONS = ["path", "label", "group", "sha256", "target", "probability", "predicted"]
PREDICTIONS += ["threshold"]


def run_trial(
    study: Study,
    prepared: DataSplit,
    store,
    trial: Trial,
    training_set: ImageSet,
    network: Classifier,
    place: Path,
    on_step=lambda: None,
) -> None:
    """Train and evaluate once; write `place/` with predictions.csv, history.csv and trial.json.

    Temperature and threshold come from the validation images; the test images are predicted once,
    after training, in the order of their hash. Of the first seed and generator evidence.npy keeps
    the Grad-CAM maps too: float16 (N, h, w), as shares of each map's maximum; 0 where all images
    get the same probability, which has no evidence. trial.json says so (`constant`), and whether
    the weights are those of the first evaluation (`kept_first`).
    """
    started, busy = time.perf_counter(), time.process_time()

    def examples(images: ImageSet, pretraining=None) -> Examples:
        return Examples(store.take(images), images.targets(), pretraining)

    drawn = (training_set.table["source"] == "synthetic").to_numpy()
    training, validation = study.training_of(trial.classifier), examples(prepared.validation)
    curves = tensorboard.Curves(f"classifiers/{place.name}")
    history = network.fit(
        examples(training_set, drawn if trial.arm.pretrain else None),
        validation,
        training,
        trial.seed,
        trial.arm.augmentation,
        on_step,
        curves,
    )
    curves.close()
    raw = network.predict(validation.pixels, training.test_views)
    judge = calibration.fit(validation.targets, raw)
    test = prepared.test.select(
        prepared.test.table.sort_values(["sha256", "path"]).index.to_numpy()
    )
    raw = network.predict(store.take(test), training.test_views)
    probability = calibration.scale(raw, judge.temperature)
    constant = metrics.is_constant(probability)
    negative = next(label for label in test.classes if label != test.positive)
    predictions = test.relative().assign(
        target=test.targets(),
        probability=probability,
        threshold=judge.threshold,
        predicted=[test.positive if p >= judge.threshold else negative for p in probability],
    )
    with atomic_folder(place) as temporary:
        predictions[PREDICTIONS].to_csv(temporary / "predictions.csv", index=False)
        history.to_csv(temporary / "history.csv", index=False)
        metadata = {
            "arm": trial.arm.name,
            "classifier": trial.classifier.name,
            "generator": "" if trial.generator is None else trial.generator,
            "seed": trial.seed,
            "fold": "" if trial.fold is None else trial.fold,
            "settings": trial_settings(study, prepared, trial, training_set, network.precision),
            "made_by": made_by(),
            "precision": network.precision,
            "n_train": len(training_set),
            "steps": int(history["step"].iloc[-1]),
            "batch": training.batch,
            "initial_sha256": network.initial_sha256(),
            "validation_sha256": content_key(prepared.validation),
            "threshold": judge.threshold,
            "temperature": judge.temperature,
            "constant": constant,
            "kept_first": weight_selection.kept_first(history),
            "seconds": round(time.perf_counter() - started, 2),
            "cpu_seconds": round(time.process_time() - busy, 2),
        }
        first = study.seeds[0], study.generator.seeds[0]
        if trial.seed == first[0] and trial.generator in (None, first[1]):
            maps = network.heatmaps(store.take(test))
            largest = np.maximum(maps.max(axis=(1, 2), keepdims=True), 1e-12)
            shares = np.zeros_like(maps) if constant else maps / largest
            np.save(temporary / "evidence.npy", shares.astype("float16"))
        (temporary / "trial.json").write_text(json.dumps(metadata, indent=1))


def read_predictions(place: Path) -> pd.DataFrame:
    """The predictions of a trial: what is text stays text, also a group called NA."""
    text = dict.fromkeys(["path", "label", "group", "sha256", "predicted"], str)
    return pd.read_csv(place / "predictions.csv", dtype=text, keep_default_na=False)


def trial_folder(folder: Path, trial: Trial, settings: str) -> Path:
    """Where a trial lives: its name, and a hash of its settings and of `made_by`."""
    key = provenance.key(10, settings, made_by())
    generator = "" if trial.generator is None else f"_generator{trial.generator}"
    fold = "" if trial.fold is None else f"_fold{trial.fold + 1}"
    title = f"{trial.arm.name}_{trial.classifier.name}{generator}_seed{trial.seed}{fold}"
    return folder / "trials" / f"{re.sub(r'[^A-Za-z0-9._@+-]', '-', title)}_{key}"


def made_by() -> dict[str, str]:
    """The versions that the result of a trial depends on."""
    return provenance.made_by("training", "experiments.running.trial", "ufgen.images.pixel_store")


def trial_settings(
    study: Study, prepared: DataSplit, trial: Trial, training_set: ImageSet, precision: str
) -> str:
    """A hash of everything that is asked of a trial: images, network, training, seed."""
    test = prepared.test.relative()[["path", "sha256", "label", "group"]]
    depends = {
        "train": content_key(training_set),
        "validation": content_key(prepared.validation),
        "test": sorted(test.itertuples(index=False, name=None)),
        "positive": training_set.positive,
        "images": study.images.model_dump(include={"resolution", "channels", "fit"}),
        "classifier": [trial.classifier.name, provenance.hash_weights(trial.classifier.weights)],
        "training": study.training_of(trial.classifier).as_dict() | {"precision": precision},
        "augmentation": trial.arm.augmentation,
        "pretrain": trial.arm.pretrain,
        "seed": trial.seed,
    }
    return provenance.key(16, depends)
