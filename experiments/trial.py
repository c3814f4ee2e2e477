"""One trial: trained and evaluated once, in a folder named after all that it depends on."""

import hashlib
import json
import re
import time
from pathlib import Path

import numpy as np

import ufgen
from classifiers import calibration
from classifiers.batches import Examples
from classifiers.training import Classifier
from experiments.preparation import Prepared, content_key
from experiments.study import Study, Trial
from ufgen import tensorboard
from ufgen.atomic import whole_folder
from ufgen.imageset import ImageSet

PREDICTIONS = ["path", "label", "group", "sha256", "target", "probability", "predicted"]
PREDICTIONS += ["threshold"]


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
    after training, in the order of their hash. Of the first seed and generator evidence.npy keeps
    the Grad-CAM maps too: float16 (N, h, w), as shares of each map's maximum.
    """
    started, busy = time.perf_counter(), time.process_time()

    def examples(images: ImageSet, pretraining=None) -> Examples:
        return Examples(store.take(images), images.targets(), pretraining)

    drawn = (diet.table["source"] == "synthetic").to_numpy()
    training, validation = study.training_of(trial.classifier), examples(prepared.validation)
    curves = tensorboard.Curves(f"classifiers/{place.name}")
    history = network.fit(
        examples(diet, drawn if trial.arm.pretrain else None),
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
    negative = next(label for label in test.classes if label != test.positive)
    predictions = test.table.assign(
        target=test.targets(),
        probability=probability,
        threshold=judge.threshold,
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
            "fold": "" if trial.fold is None else trial.fold,
            "precision": network.precision,
            "n_train": len(diet),
            "steps": int(history["step"].iloc[-1]),
            "batch": training.batch,
            "initial_sha256": network.initial_sha256(),
            "validation_sha256": content_key(prepared.validation),
            "threshold": judge.threshold,
            "temperature": judge.temperature,
            "seconds": round(time.perf_counter() - started, 2),
            "cpu_seconds": round(time.process_time() - busy, 2),
        }
        if trial.seed == study.seeds[0] and trial.generator in (None, study.generator.seeds[0]):
            maps = network.evidence(store.take(test))
            largest = np.maximum(maps.max(axis=(1, 2), keepdims=True), 1e-12)
            np.save(temporary / "evidence.npy", (maps / largest).astype("float16"))
        (temporary / "trial.json").write_text(json.dumps(about, indent=1))


def trial_folder(
    folder: Path, study: Study, prepared: Prepared, trial: Trial, diet: ImageSet, precision: str
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
        "pretrain": trial.arm.pretrain,
        "seed": trial.seed,
    }
    key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:10]
    generator = "" if trial.generator is None else f"_generator{trial.generator}"
    fold = "" if trial.fold is None else f"_fold{trial.fold + 1}"
    title = f"{trial.arm.name}_{trial.classifier.name}{generator}_seed{trial.seed}{fold}"
    return folder / "trials" / f"{re.sub(r'[^A-Za-z0-9._@+-]', '-', title)}_{key}"
