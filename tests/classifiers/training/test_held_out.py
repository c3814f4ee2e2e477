"""`ufgen train` selects weights, threshold and temperature on validation images alone."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from classifiers import model_folder
from classifiers.evaluation import calibration
from classifiers.model_folder import train_model
from classifiers.training import weight_selection
from classifiers.training.batches import Examples
from classifiers.training.settings import Training
from classifiers.training.trainer import Classifier
from ufgen.errors import UserError
from ufgen.images import image_set, pixel_store

TRAINING = Training(steps=2, batch=4, evaluations=2, precision="float32")


class Weights:
    """A stand-in for a Keras variable."""

    def __init__(self):
        self.value = 0.0

    def assign(self, value):
        self.value = value

    def __array__(self, dtype=None, copy=None):
        return np.array(self.value)


class Network:
    """A stand-in for `Classifier` that trains nothing, and remembers its images."""

    def __init__(self, *_):
        self.seen, self.model, self.variables = {}, self, [Weights()]

    def fit(self, train, validation, *_):
        self.seen = {"fit": train, "validation": validation}
        Network.last = self
        return pd.DataFrame({"best": [1, 0], "step": [1, 2]})

    def predict(self, pixels, _views=0):
        return _probability(pixels)

    def save_weights(self, file):
        file.write_bytes(b"")


def _probability(pixels):
    """A different number for each image, from its hash."""
    return np.array([int(_sha256(image)[:8], 16) / 16**8 for image in pixels])


def _sha256(image) -> str:
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()


@pytest.mark.parametrize("sensitivity", [None, 0.8])
def test_training_images_train_and_validation_images_alone_set_threshold_and_temperature(
    phantoms, tmp_path, monkeypatch, sensitivity
):
    monkeypatch.setattr(train_model, "Classifier", Network)
    given, fit = [], calibration.fit
    monkeypatch.setattr(calibration, "fit", lambda *a: given.append(a) or fit(*a))
    images = image_set.scan(phantoms).split("train")
    metadata = model_folder.train(
        images, "x", tmp_path / "m", TRAINING, size=32, sensitivity=sensitivity, seed=3
    )
    roles = pd.read_csv(tmp_path / "m" / "images.csv").set_index("path")["role"]
    decoded = pixel_store.load(images, 32, 1, "crop")
    pixels = decoded.store.take(decoded.images)
    table = decoded.images.relative().assign(
        pixels=[_sha256(image) for image in pixels], target=decoded.images.targets()
    )
    of_role = {name: table[table["path"].map(roles) == name] for name in ("fit", "validation")}
    assert not set(of_role["fit"]["group"]) & set(of_role["validation"]["group"])
    for name, part in of_role.items():
        examples = Network.last.seen[name]
        expected = sorted(zip(part["pixels"], part["target"], strict=True))
        got = zip(map(_sha256, examples.pixels), examples.targets, strict=True)
        assert sorted(got) == expected and len(expected) > 3
    (labels, raw, wanted), *others = given
    assert not others and wanted == sensitivity
    held = Network.last.seen["validation"]
    assert (labels == held.targets).all() and (raw == _probability(held.pixels)).all()
    assert (metadata["temperature"], metadata["threshold"]) == tuple(fit(labels, raw, sensitivity))
    assert metadata["kept_first"] == 1 and metadata["constant"] is False
    assert json.loads((tmp_path / "m" / "model.json").read_text()) == metadata


def test_validation_images_choose_the_weights_that_are_kept(monkeypatch):
    rng = np.random.default_rng(0)
    parts = [
        Examples(rng.integers(0, 256, (count, 32, 32, 1), "uint8"), np.arange(count) % 2)
        for count in (12, 8)
    ]
    given, evaluate = [], weight_selection.evaluate
    monkeypatch.setattr(weight_selection, "evaluate", lambda *a: given.append(a) or evaluate(*a))
    network = Classifier("keras:MobileNet?alpha=0.25", 32, 1)
    settings = Training(
        steps=2, batch=4, evaluations=2, precision="float32", selection_metric="brier"
    )
    history = network.fit(*parts, settings)
    assert [(step, first, metric) for step, first, *_, metric in given] == [
        (1, True, "brier"), (2, False, "brier")
    ]  # fmt: skip
    kept = int(history.loc[history["best"] == 1, "step"].iloc[0])
    for _, _, labels, raw, _ in given:
        assert (labels == parts[1].targets).all() and raw.shape == (8,)
    np.testing.assert_allclose(given[kept - 1][3], network.predict(parts[1].pixels), atol=1e-6)
    assert weight_selection.best([evaluate(*a) for a in given]).step == kept


def test_images_of_the_split_validation_validate_and_the_others_train(
    phantoms, tmp_path, monkeypatch
):
    monkeypatch.setattr(train_model, "Classifier", Network)
    scanned = image_set.scan(phantoms)
    images, validation = scanned.split("train"), scanned.split("test")
    validation = replace(validation, table=validation.table.assign(split="validation"))
    metadata = model_folder.train(
        images, "x", tmp_path / "m", TRAINING, size=32, validation=validation
    )
    assert metadata["images"] == {"training": len(images), "validation": len(validation)}
    for name, part in (("fit", images), ("validation", validation)):
        decoded = pixel_store.load(part, 32, 1, "crop")
        expected = sorted(map(_sha256, decoded.store.take(decoded.images)))
        assert sorted(map(_sha256, Network.last.seen[name].pixels)) == expected
    one_class = validation.select(validation.table["label"] == "UF")
    with pytest.raises(UserError, match="NUF has images in train only"):
        model_folder.train(images, "x", tmp_path / "n", TRAINING, size=32, validation=one_class)
    leaked = replace(validation, table=validation.table.assign(group="p"))
    grouped = replace(images, table=images.table.assign(group="p"))
    with pytest.raises(UserError, match="same group is in train and in validation"):
        model_folder.train(grouped, "x", tmp_path / "n", TRAINING, size=32, validation=leaked)
