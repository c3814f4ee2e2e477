"""The pointing game on the phantom: does the evidence lie on the fibroid?

    python benchmarks/classification/pointing_game.py [--train 600] [--test 300] [--steps 600]

A classifier learns from simulated images whose fibroids are known but never shown to it. For the
test images with fibroids, the maximum of the evidence map hits or misses a fibroid's box (Zhang et
al., Top-down neural attention by excitation backprop, IJCV 2018). Compared with the centre of the
image, with a random point, and with the same network before training.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from ufgen import environment

environment.import_keras()

from classifiers.evaluation.intervals import clopper_pearson  # noqa: E402
from classifiers.explanation.grad_cam import METHODS, explain  # noqa: E402
from classifiers.explanation.saliency_box import enlarge  # noqa: E402
from classifiers.training.batches import Examples  # noqa: E402
from classifiers.training.settings import Training  # noqa: E402
from classifiers.training.trainer import Classifier  # noqa: E402
from ufgen import phantom  # noqa: E402
from ufgen.images import image_set, pixel_store, splits  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="mobilenet_v3_small")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--train", type=int, default=600)
    parser.add_argument("--test", type=int, default=300)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--weights", default="none", help="imagenet, none, or a local file")
    parser.add_argument("--frozen-steps", type=int, default=0)
    parser.add_argument("--trained", default="all")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = phantom.write_set(Path(folder) / "set", options.train, options.test, options.size)
        decoded = pixel_store.load(image_set.scan(place), options.size)
        train, test = decoded.images.split("train"), decoded.images.split("test")
        held = splits.hold_out(train, 0.2, 0)
        parts = [train.select(~held), train.select(held), test]
        fit, validation, tested = [Examples(decoded.store.take(p), p.targets()) for p in parts]
        boxes = pd.read_csv(place / "manifest.csv").set_index("path")["lesions"]
        shown = [Path(path) for path in test.table["path"][tested.targets == 1]]
        lesions = [json.loads(boxes["/".join(path.parts[-3:])]) for path in shown]
    classifier = Classifier(options.network, options.size, 1, options.weights)
    training = Training(
        steps=options.steps,
        batch=32,
        learning_rate=1e-3,
        ema_half_life=20,
        trained=options.trained,
        frozen_steps=options.frozen_steps,
    )
    before = explain(classifier.parts, tested.pixels[tested.targets == 1])
    history = classifier.fit(fit, validation, training, 0, "light")
    print(f"validation AUC {history.loc[history['best'] == 1, 'val_roc_auc'].iloc[0]:.3f}")
    middle = np.full((len(lesions), 2), options.size / 2)
    random = np.random.default_rng(0).uniform(0, options.size, (len(lesions), 2))
    report("centre of the image", middle, lesions)
    report("a random point", random, lesions)
    report("grad-cam, untrained network", peaks(before, options.size), lesions)
    for method in METHODS:
        found = explain(classifier.parts, tested.pixels[tested.targets == 1], method)
        report(method, peaks(found, options.size), lesions)


def peaks(heatmaps: np.ndarray, size: int) -> np.ndarray:
    """Where each map is largest, in pixels: (N, 2) as x, y."""
    found = []
    for field in heatmaps:
        row, column = np.unravel_index(enlarge(field, size, size).argmax(), (size, size))
        found.append((column + 0.5, row + 0.5))
    return np.array(found)


def report(name: str, points: np.ndarray, lesions: list) -> None:
    hits = sum(
        any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in boxes)
        for (x, y), boxes in zip(points, lesions, strict=True)
    )
    low, high = clopper_pearson(hits, len(lesions))
    print(f"{name}: {hits} of {len(lesions)} = {hits / len(lesions):.0%} ({low:.0%} to {high:.0%})")


if __name__ == "__main__":
    main()
