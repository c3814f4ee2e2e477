"""How well classifiers learn: frozen, fine-tuned and from random weights, by size and images.

    python benchmarks/classification/learning.py FOLDER --positive malignant \
        --networks 'keras:MobileNetV2?alpha=0.35' --weights FILE --out learning.csv

FOLDER holds train/ and test/. Of the training groups a fraction is taken, in an order of the seed
(a smaller fraction is contained in a larger one), and a fifth of them validates. A row is added to
--out for each training, with the ROC AUC of the test images; what stands there with the same
settings is not trained again. Printed is a table: mean and standard deviation over the seeds.
--development holds out 30 % of the training groups by seed and tests on these: settings are to be
chosen there, never on the test images.
"""

import argparse
import csv
import json
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

import pandas as pd

from ufgen import environment

environment.import_keras()

from classifiers.evaluation.metrics import roc_auc  # noqa: E402
from classifiers.training.batches import Examples  # noqa: E402
from classifiers.training.settings import Training  # noqa: E402
from classifiers.training.trainer import Classifier  # noqa: E402
from ufgen.images import grouping, image_set, pixel_store, splits  # noqa: E402

MODES = {
    "frozen": (Training(trained="head", steps=300, batch=32, learning_rate=1e-3), "none"),
    "fine-tuned": (Training(), "light"),
    "scratch": (Training(steps=1200, learning_rate=1e-3), "light"),
}
KEY = ["network", "mode", "size", "fraction", "seed", "tested", "settings"]
COLUMNS = [*KEY, "training_images", "roc_auc", "kept_step", "seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--positive", required=True)
    parser.add_argument("--networks", nargs="+", default=["keras:MobileNetV2?alpha=0.35"])
    parser.add_argument("--weights", nargs="+", required=True, help="one for each network")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--sizes", nargs="+", type=int, default=[96, 224])
    parser.add_argument("--fractions", nargs="+", type=float, default=[1.0, 0.25, 0.1])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--training", type=json.loads, default={}, help="settings, as JSON")
    parser.add_argument("--augmentation", help="in place of the mode's")
    parser.add_argument("--development", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("learning.csv"))
    options = parser.parse_args()
    wanted = []
    for size, (network, weights), mode in product(
        options.sizes, zip(options.networks, options.weights, strict=True), options.modes
    ):
        weights = "none" if mode == "scratch" else weights
        trials = list(trials_of(options, network, weights, mode, size))
        wanted += trials
        missing = [trial for trial in trials if trial not in finished(options.out)]
        if missing:
            train_all(options, missing, weights)
    print(table(options.out, wanted))


def trials_of(options: argparse.Namespace, network: str, weights: str, mode: str, size: int):
    """The keys of the trainings of one network in one mode."""
    training, augmentation = MODES[mode]
    training = replace(training, precision="float32", **options.training).for_weights(weights)
    settings = training.as_dict() | {"augmentation": options.augmentation or augmentation}
    tested = "development" if options.development else "test"
    for seed, fraction in product(options.seeds, options.fractions):
        yield (network, mode, size, fraction, seed, tested, json.dumps(settings))


def finished(file: Path) -> set[tuple]:
    """The keys of the trainings in the file."""
    if not file.is_file():
        return set()
    return set(pd.read_csv(file)[KEY].itertuples(index=False, name=None))


def train_all(options: argparse.Namespace, trials: list[tuple], weights: str) -> None:
    """Train one network, compiled once, and add a row to the file after each training."""
    network, _, size, *_ = trials[0]
    decoded = pixel_store.load(image_set.scan(options.folder, options.positive), size, 1, "pad")
    images, store = grouping.group_same_pictures(decoded.images), decoded.store
    classifier = Classifier(network, size, 1, weights)
    for trial in trials:
        fraction, seed, _, settings = trial[3:]
        train, tested = images.split("train"), images.split("test")
        if options.development:
            held_out = splits.hold_out(train, 0.3, seed)
            train, tested = train.select(~held_out), train.select(held_out)
        train = train.select(grouping.group_ranks(train, seed) < fraction)
        held_out = splits.hold_out(train, 0.2, seed)
        fit, validation, test = (
            Examples(store.take(part), part.targets())
            for part in (train.select(~held_out), train.select(held_out), tested)
        )
        training = json.loads(settings)
        augmentation = training.pop("augmentation")
        started = time.perf_counter()
        history = classifier.fit(fit, validation, Training(**training), seed, augmentation)
        auc = float(roc_auc(test.targets, classifier.predict(test.pixels)))
        seconds = time.perf_counter() - started
        kept = int(history.loc[history["best"] == 1, "step"].iloc[0])
        add(options.out, [*trial, len(fit.targets), round(auc, 4), kept, round(seconds, 1)])


def add(file: Path, row: list) -> None:
    new = not file.is_file()
    with file.open("a", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerows([COLUMNS, row] if new else [row])


def table(file: Path, wanted: list[tuple]) -> str:
    """Mean and standard deviation of the ROC AUC over the seeds, by network, size and mode."""
    rows = pd.read_csv(file)
    rows = rows[[key in set(wanted) for key in rows[KEY].itertuples(index=False, name=None)]]
    groups = rows.groupby(["network", "size", "mode", "fraction"], sort=False)
    summary = groups["roc_auc"].agg(["mean", "std", "count"])
    summary["training images"] = groups["training_images"].mean().round()
    summary["seconds"] = groups["seconds"].median()
    return summary.to_string(float_format="{:.3f}".format)


if __name__ == "__main__":
    main()
