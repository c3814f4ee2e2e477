"""Classifiers: input range, reset between trials, budgets, learning, saving."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from classifiers import model_folder, registry
from classifiers.training import weight_selection
from classifiers.training.batches import Examples, batches, class_weights
from classifiers.training.settings import Training
from classifiers.training.trainer import Classifier
from ufgen.errors import UserError
from ufgen.images import image_set

RNG = np.random.default_rng(0)


def _bright_or_dark(count):
    targets = np.arange(count) % 2
    pixels = RNG.integers(0, 120, (count, 32, 32, 1)) + 120 * targets[:, None, None, None]
    return Examples(pixels.astype("uint8"), targets)


TRAIN, OTHER = _bright_or_dark(64), _bright_or_dark(32)
FAST = {"batch": 8, "evaluations": 2, "precision": "float32"}
SHORT = Training(steps=4, **FAST)


@pytest.fixture(scope="module")
def small():
    return Classifier("keras:MobileNet?alpha=0.25", 32, 1)


@pytest.mark.parametrize("name", [*registry.NAMES, "keras:MobileNetV2?alpha=0.35"])
def test_networks_map_pixels_to_probabilities(name):
    network = registry.build(name, 32, 3)
    batch = RNG.integers(0, 256, (2, 32, 32, 3)).astype("float32")
    probabilities = np.asarray(network.model(batch))
    assert probabilities.shape == (2, 1)
    assert (probabilities > 0).all() and (probabilities < 1).all()
    heads = [layer.units for layer in network.head.layers if isinstance(layer, keras.layers.Dense)]
    expected = {"custom_resnet50": [512, 256, 128, 1], "hybrid": [512, 128, 1]}
    assert heads == expected.get(name, [512, 1])


def test_each_network_scales_its_input_exactly_once(monkeypatch):
    """What reaches the first convolution is what the ImageNet weights were trained with."""
    pixels = RNG.integers(0, 256, (1, 32, 32, 3)).astype("float32")
    expected = {
        "custom_resnet50": keras.applications.resnet50.preprocess_input(pixels.copy()),
        "mobilenet_v3": pixels / 127.5 - 1,
        "keras:MobileNetV2?alpha=0.35": pixels / 127.5 - 1,
    }
    for name, value in expected.items():
        parts = registry.build(name, 32, 3)
        network, backbone = parts.feature_maps, parts.backbones[0]
        entry = next(
            layer
            for layer in backbone.layers
            if isinstance(layer, (keras.layers.ZeroPadding2D, keras.layers.Conv2D))
        )
        inner = keras.Model(backbone.input, entry.input)
        before = network.layers[network.layers.index(backbone) - 1]
        outer = keras.Model(network.input, before.output)
        assert np.allclose(np.asarray(inner(outer(pixels))), value, atol=1e-3), name


def test_a_trial_does_not_depend_on_those_before_it(small):
    small.fit(TRAIN, OTHER, SHORT, seed=1)
    expected, initial = small.predict(OTHER.pixels), small.initial_sha256()
    small.fit(OTHER, TRAIN, SHORT, seed=2, augmentation="light")
    assert small.initial_sha256() != initial
    small.fit(TRAIN, OTHER, SHORT, seed=1)
    assert small.initial_sha256() == initial
    assert (small.predict(OTHER.pixels) == expected).all()
    fresh = Classifier("keras:MobileNet?alpha=0.25", 32, 1)
    fresh.fit(TRAIN, OTHER, SHORT, seed=1)
    assert (fresh.predict(OTHER.pixels) == expected).all()


def test_prediction_does_not_depend_on_the_row(small):
    order = RNG.permutation(len(TRAIN.pixels))
    straight = small.predict(TRAIN.pixels)
    assert np.allclose(small.predict(TRAIN.pixels[order]), straight[order], atol=1e-6)
    assert np.allclose(small.predict(TRAIN.pixels[:3]), straight[:3], atol=1e-6)


def test_training_keeps_the_weights_of_the_best_row(small):
    steps = []
    training = Training(steps=80, batch=16, evaluations=4, learning_rate=1e-2)
    history = small.fit(TRAIN, OTHER, training, on_step=lambda: steps.append(1))
    assert len(steps) == 80 and history["step"].iloc[-1] == 80 and len(history) == 4
    kept = history[history["best"] == 1]
    assert len(kept) == 1 and kept["val_roc_auc"].iloc[0] > 0.95
    scores = weight_selection.uncalibrated_scores(OTHER.targets, small.predict(OTHER.pixels))
    for name, value in scores.items():
        assert value == pytest.approx(kept[name].iloc[0], abs=1e-6)


def test_training_that_diverges_is_an_error_that_names_the_learning_rate(small):
    with pytest.raises(UserError, match=r"training diverges.*below 1e\+08"):
        small.fit(TRAIN, OTHER, Training(steps=8, learning_rate=1e8, **FAST))


def test_learning_rate_schedules(small):
    def rates(schedule):
        training = Training(steps=10, batch=8, evaluations=10, schedule=schedule)
        return small.fit(TRAIN, OTHER, training)["learning_rate"].to_numpy()

    assert (rates("constant") == 5e-4).all()
    cosine = rates("cosine")
    assert cosine[0] == 5e-4 and (np.diff(cosine) < 0).all()
    assert set(np.unique(rates("plateau") / 5e-4)) <= {0.5**k for k in range(6)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"schedule": "odd"},
        {"balance": "odd"},
        {"learning_rate": 0},
        {"trained": "odd"},
        {"frozen_steps": 300},
        {"backbone_rate": 0},
        {"label_smoothing": 1.0},
        {"precision": "float16"},
    ],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        Training(**wrong)


def test_pretraining_rows_fill_the_first_half_of_the_steps():
    rows = np.arange(30) < 10
    stream = batches(Examples(rows, rows.astype(int), rows), Training(steps=9, batch=5), 0)
    seen = [rows[next(stream)].mean() for _ in range(9)]
    assert seen == [1.0] * 4 + [0.0] * 5


def test_balances():
    targets = np.array([1] * 5 + [0] * 45)
    weights = class_weights(targets, "class_weights")
    assert weights[targets].mean() == pytest.approx(1) and weights[1] == pytest.approx(5)
    stream = batches(Examples(targets, targets), Training(batch=10, balance="oversample"), 0)
    sampled = np.concatenate([targets[next(stream)] for _ in range(20)])
    assert sampled.mean() == 0.5
    plain = batches(Examples(targets, targets), Training(batch=10), 0)
    assert sorted(np.concatenate([next(plain) for _ in range(5)])) == list(range(50))


@pytest.mark.parametrize(
    ("weights", "message"),
    [("nowhere.weights.h5", "no weights file"), ("bad.weights.h5", "does not fit")],
)
def test_wrong_weights_are_refused(tmp_path, weights, message):
    (tmp_path / "bad.weights.h5").write_text("no weights")
    path = str(tmp_path / weights)
    with pytest.raises(UserError, match=message):
        registry.build("mobilenet_v3_small", 32, 1, path)


def test_local_weights_are_really_used(tmp_path):
    backbone = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(32, 32, 3), include_preprocessing=True
    )
    file = tmp_path / "local.weights.h5"
    backbone.save_weights(file)
    network = registry.build("mobilenet_v3_small", 32, 1, str(file))
    inside = network.backbones[0]
    for ours, theirs in zip(inside.get_weights(), backbone.get_weights(), strict=True):
        assert (ours == theirs).all()


def test_unavailable_imagenet_weights_are_an_error_not_random_ones(monkeypatch):
    def offline(**options):
        raise OSError("URL fetch failure")

    offline.__name__ = "MobileNetV3Small"
    monkeypatch.setattr(keras.applications, "MobileNetV3Small", offline)
    with pytest.raises(UserError, match=r"downloaded \(URL fetch failure\). Name a file"):
        registry.build("mobilenet_v3_small", 32, 1, "imagenet")


def test_saved_classifier_predicts_the_same_and_refuses_its_training_images(phantoms, tmp_path):
    images = image_set.scan(phantoms)
    model_folder.train(
        images.split("train"), "keras:MobileNet?alpha=0.25", tmp_path / "m", SHORT, size=32
    )
    model = model_folder.load(tmp_path / "m")
    scores, predictions, quarantine = model.evaluate(images.split("test"))
    values = scores.set_index("metric")["value"]
    assert len(quarantine) == 0 and (predictions["target"] == images.split("test").targets()).all()
    assert model.metadata["temperature"] > 0 and model.metadata["threshold_rule"] == "Youden"
    prevalence = images.split("test").targets().mean()
    assert values["accuracy"] == pytest.approx(
        values["recall"] * prevalence + values["specificity"] * (1 - prevalence)
    )
    files, _ = model.predict_files(list(predictions["path"]))
    both = predictions.merge(files, on="path", suffixes=("", "_alone"))
    assert np.allclose(both["probability"], both["probability_alone"], atol=1e-6)
    with pytest.raises(UserError, match="held-out"):
        model.evaluate(images.split("train"))
    with pytest.raises(UserError, match=r"model\.json"):
        model_folder.load(tmp_path)
    _check_what_is_refused(model, images)
    listed = (tmp_path / "m" / "images.csv").read_text()
    assert str(phantoms) not in listed and "train/UF/phantom" in listed


def _check_what_is_refused(model, images):
    """Synthetic test images, and patients that the model saw in other pictures."""
    test, train = images.split("test"), images.split("train")
    synthetic = replace(test, table=test.table.assign(source="synthetic"))
    with pytest.raises(UserError, match="24 of the 24 test images are synthetic"):
        model.evaluate(synthetic)
    patient = train.table["group"].iloc[0]
    same = replace(test, table=test.table.assign(group=patient))
    with pytest.raises(UserError, match=f"same group as .*group {patient} is another"):
        model.evaluate(same)
    by_name = replace(test, table=test.table.assign(group="phantom"))
    model.evaluate(by_name)
    with pytest.raises(UserError, match="same group"):
        model.evaluate(by_name, group_pattern="phantom")
