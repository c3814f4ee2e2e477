"""How good a small pretrained network gets with all, 25 % and 10 % of the training groups.

    python benchmarks/studies/low_data.py FOLDER --positive malignant --weights WEIGHTS

FOLDER holds train/ and test/; WEIGHTS are those of MobileNetV2, alpha 0.35, without its top, or of
another classifier (`--network efficientnet_lite0 --weights imagenet`). The groups are nested: a
smaller share is contained in a larger one of the same seed. Printed is the test ROC AUC, mean and
standard deviation over the seeds, of logistic regression on the frozen features (scikit-learn,
cross-validated strength), and of ufgen's classifier with several settings. A fifth of the groups is
for validation; logistic regression learns from these as well.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np

from ufgen import environment

environment.import_keras()

from classifiers.evaluation.metrics import roc_auc  # noqa: E402
from classifiers.training.batches import Examples  # noqa: E402
from classifiers.training.frozen_features import FrozenFeatures  # noqa: E402
from classifiers.training.settings import Training  # noqa: E402
from classifiers.training.trainer import Classifier  # noqa: E402
from ufgen.images import grouping, image_set, pixel_store, splits  # noqa: E402

NAME = "keras:MobileNetV2?alpha=0.35"
LOGISTIC = "logistic regression"
HEAD = {"trained": "head", "learning_rate": 1e-3, "batch": 32, "precision": "float32"}
SETTINGS = {
    "head": (Training(steps=300, **HEAD), "none"),
    "head, light": (Training(steps=300, **HEAD), "light"),
    "head, then last block": (
        Training(
            steps=400,
            frozen_steps=300,
            backbone_rate=0.1,
            **{**HEAD, "trained": "last_block"},
        ),
        "light",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--positive", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--network", default=NAME)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--shares", nargs="+", type=float, default=[1.0, 0.25, 0.1])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--settings", nargs="+", default=[LOGISTIC, *SETTINGS])
    options = parser.parse_args()
    decoded = pixel_store.load(
        image_set.scan(options.folder, options.positive), options.size, 1, "pad"
    )
    images, store = grouping.group_same_pictures(decoded.images), decoded.store
    train, test = images.split("train"), images.split("test")
    classifier = Classifier(options.network, options.size, 1, options.weights)
    features = FrozenFeatures(classifier.parts.features)

    def examples(part) -> Examples:
        return Examples(store.take(part), part.targets())

    tested = examples(test)
    for share in options.shares:
        found, spent = {}, {}
        for seed in range(options.seeds):
            part = train.select(chosen_groups(train, share, seed))
            held = splits.hold_out(part, 0.2, seed)
            parts = [examples(p) for p in (part, part.select(~held), part.select(held))]
            ways = {name: partial(fitted, classifier, *parts[1:], name, seed) for name in SETTINGS}
            ways[LOGISTIC] = partial(logistic, features, parts[0])
            ways = {name: ways[name] for name in options.settings}
            for name, way in ways.items():
                started = time.perf_counter()
                scores = way()(tested.pixels)
                spent.setdefault(name, []).append(time.perf_counter() - started)
                found.setdefault(name, []).append(float(roc_auc(tested.targets, scores)))
        for name, aucs in found.items():
            each = ", ".join(f"{a:.3f}" for a in aucs)
            print(
                f"{share:.0%} of the groups, {name}: AUC {np.mean(aucs):.3f} +- "
                f"{np.std(aucs, ddof=1):.3f} ({each}), {np.median(spent[name]):.1f} s a trial",
                flush=True,
            )


def chosen_groups(images, share: float, seed: int) -> np.ndarray:
    """The rows of the first `share` of each class's groups, in an order of the seed."""
    table = images.table
    chosen = np.zeros(len(table), bool)
    for label in images.classes:
        rows = (table["label"] == label).to_numpy()
        groups = np.random.default_rng(seed).permutation(sorted(set(table["group"][rows])))
        kept = set(groups[: max(4, round(share * len(groups)))])
        chosen |= rows & table["group"].isin(kept).to_numpy()
    return chosen


def logistic(features: FrozenFeatures, train: Examples):
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    search = LogisticRegressionCV(
        Cs=10, cv=3, scoring="roc_auc", max_iter=2000, use_legacy_attributes=False
    )
    model = make_pipeline(StandardScaler(), search)
    model.fit(features.views(train.pixels, "none", 1)[:, 0], train.targets)
    return lambda shown: model.decision_function(features.views(shown, "none", 1)[:, 0])


def fitted(classifier: Classifier, train: Examples, validation: Examples, name: str, seed: int):
    training, augmentation = SETTINGS[name]
    classifier.fit(train, validation, training, seed, augmentation)
    return classifier.predict


if __name__ == "__main__":
    main()
