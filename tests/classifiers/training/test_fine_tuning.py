"""Fine-tuning: frozen backbones, phases, losses, moving averages, both backends."""

import json
import subprocess
import sys

import keras
import numpy as np
import on_jax
import pytest
from keras import ops

from classifiers import registry
from classifiers.backbones import last_block
from classifiers.training.batches import Examples
from classifiers.training.frozen_features import FrozenFeatures
from classifiers.training.learning_rate import learning_rate
from classifiers.training.losses import binary_cross_entropy, smooth_labels
from classifiers.training.settings import Training, check_trial
from classifiers.training.trainer import Classifier
from ufgen import precision
from ufgen.errors import UserError

RNG = np.random.default_rng(0)
SHORT = {"steps": 6, "batch": 8, "evaluations": 2, "precision": "float32"}


def _examples(count):
    targets = np.arange(count) % 2
    pixels = RNG.integers(0, 120, (count, 32, 32, 1)) + 120 * targets[:, None, None, None]
    return Examples(pixels.astype("uint8"), targets)


TRAIN, OTHER = _examples(32), _examples(16)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file with random weights of the backbone, whose moving statistics fit the images."""
    keras.utils.set_random_seed(0)
    backbone = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    backbone(np.repeat(TRAIN.pixels, 3, axis=-1).astype("float32"), training=True)
    file = tmp_path_factory.mktemp("weights") / "small.weights.h5"
    backbone.save_weights(file)
    return str(file)


@pytest.fixture(scope="module")
def pretrained(weights):
    return Classifier("mobilenet_v3_small", 32, 1, weights)


def _values(classifier):
    of_head = {id(v) for v in classifier.parts.head.variables}
    values = {v.path + str(i): np.array(v) for i, v in enumerate(classifier.model.variables)}
    head = [id(v) in of_head for v in classifier.model.variables]
    return list(values.values()), np.array(head)


def _changed(before, after):
    return np.array([(b != a).any() for b, a in zip(before, after, strict=True)])


def test_a_frozen_backbone_keeps_its_weights_and_moving_statistics(pretrained):
    pretrained._reset(0, pretrained.model.variables)
    before, head = _values(pretrained)
    history = pretrained.fit(TRAIN, OTHER, Training(trained="head", **SHORT))
    after, _ = _values(pretrained)
    assert (history["trained"] == "head").all()
    changed = _changed(before, after)
    assert not changed[~head].any() and changed[head].any()


def test_only_the_last_block_and_the_head_are_trained(pretrained):
    pretrained._reset(0, pretrained.model.variables)
    before, _ = _values(pretrained)
    pretrained.fit(TRAIN, OTHER, Training(trained="last_block", **SHORT))
    after, _ = _values(pretrained)
    changed = dict(zip(map(id, pretrained.model.variables), _changed(before, after), strict=True))
    backbone = pretrained.parts.backbones[0]
    late = last_block(backbone)
    names = {layer.name for layer in late}
    for layer in backbone.layers:
        moved = [changed[id(v)] for v in layer.weights]
        if layer.name not in names:
            assert not any(moved), layer.name
    assert any(changed[id(v)] for layer in late for v in layer.weights)
    assert all(layer.output.shape[1:3] in (late[0].output.shape[1:3], (1, 1)) for layer in late)


@pytest.mark.parametrize("trained", ["all", "last_block"])
def test_pretrained_batch_normalisation_is_kept(pretrained, trained):
    """Statistics of a few small batches would replace those of the images it was pretrained on."""
    pretrained._reset(0, pretrained.model.variables)
    before, _ = _values(pretrained)
    pretrained.fit(TRAIN, OTHER, Training(trained=trained, learning_rate=1e-2, **SHORT))
    after, _ = _values(pretrained)
    changed = dict(zip(map(id, pretrained.model.variables), _changed(before, after), strict=True))
    layers = pretrained.parts.backbones[0].layers
    kept, learned = (
        {changed[id(v)] for layer in layers if isinstance(layer, kind) for v in layer.weights}
        for kind in (keras.layers.BatchNormalization, keras.layers.Conv2D)
    )
    assert kept == {False} and True in learned


def test_the_head_meets_the_same_features_when_the_backbone_follows(pretrained):
    """The loss of the first fine-tuning step is that of the frozen backbone."""
    rates = {"learning_rate": 1e-9, "schedule": "constant", "backbone_rate": 0.1}
    training = Training(steps=40, frozen_steps=20, batch=8, evaluations=2, **rates)
    history = pretrained.fit(TRAIN, OTHER, training)
    assert list(history["trained"]) == ["head", "all"]
    assert history["val_loss"].iloc[1] == pytest.approx(history["val_loss"].iloc[0], abs=1e-4)


def test_another_batch_size_freezes_the_same_layers(weights):
    """A step that is traced again, after one that trains other layers, still freezes its own."""
    classifier = Classifier("mobilenet_v3_small", 32, 1, weights)
    for trained, batch in (("last_block", 8), ("all", 8), ("last_block", 4)):
        classifier.fit(TRAIN, OTHER, Training(trained=trained, **{**SHORT, "batch": batch}))
    backbone = classifier._steps.training_model.backbones[0]
    late = {id(layer) for layer in last_block(backbone)}
    assert not any(layer.trainable for layer in backbone.layers if id(layer) not in late)


def test_random_backbones_learn_their_moving_statistics():
    classifier = Classifier("mobilenet_v3_small", 32, 1)
    before = [np.array(v) for v in classifier.model.variables]
    classifier.fit(TRAIN, OTHER, Training(**SHORT))
    changed = _changed(before, [np.array(v) for v in classifier.model.variables])
    moving = np.array(["moving" in v.path for v in classifier.model.variables])
    assert moving.any() and changed[moving].all()


def test_two_phases_share_one_budget(pretrained):
    training = Training(
        trained="last_block", frozen_steps=4, backbone_rate=0.1, **{**SHORT, "evaluations": 6}
    )
    history = pretrained.fit(TRAIN, OTHER, training)
    assert list(history["trained"]) == ["head"] * 4 + ["last_block"] * 2
    assert list(history["step"]) == [1, 2, 3, 4, 5, 6]


def test_cached_features_are_those_of_the_network(pretrained):
    """Frozen features are the network's own, of every image, in any order."""
    pretrained._reset(0, pretrained.model.variables)
    cache = FrozenFeatures(pretrained.parts.features)
    features = cache.views(TRAIN.pixels, "none", 1)[:, 0]
    expected = np.asarray(pretrained.parts.features(TRAIN.pixels.astype("float32")))
    assert np.allclose(features, expected, atol=1e-4)
    order = RNG.permutation(len(TRAIN.pixels))
    assert (cache.views(TRAIN.pixels[order], "none", 1)[:, 0] == features[order]).all()
    single = FrozenFeatures(pretrained.parts.features).views(TRAIN.pixels[:2], "light", 3)
    of_batch = FrozenFeatures(pretrained.parts.features).views(TRAIN.pixels, "light", 3)[:2]
    assert single.shape[1] == 3 and np.allclose(single, of_batch, atol=1e-4)
    assert (single[:, 0] != single[:, 1]).any()
    one, other = (cache.views(TRAIN.pixels[:2], "light", 3, seed) for seed in (1, 2))
    assert (one != other).any(axis=(1, 2)).all()  # views differ by seed
    assert (cache.views(TRAIN.pixels, "none", 3, 5)[:, 0] == features).all()


def test_features_are_computed_once(pretrained):
    calls = []

    class Counting:
        def predict_on_batch(self, batch):
            calls.append(len(batch))
            return pretrained.parts.features.predict_on_batch(batch)

    cache = FrozenFeatures(Counting())
    first = cache.views(TRAIN.pixels, "none", 1)
    computed = len(calls)
    assert (cache.views(TRAIN.pixels[::-1], "none", 1) == first[::-1]).all()
    assert computed == 1 and len(calls) == computed


def test_frozen_backbones_need_pretrained_weights_and_policies_that_do_not_mix():
    with pytest.raises(UserError, match="random weights"):
        check_trial(Training(trained="head"), "none", "none")
    with pytest.raises(UserError, match="random weights"):
        check_trial(Training(frozen_steps=2), "none", "none")
    with pytest.raises(UserError, match="mixes two images"):
        check_trial(Training(trained="head"), "imagenet", "mixup")
    check_trial(Training(), "none", "mixup")


def test_losses_are_those_of_keras():
    logits = RNG.normal(0, 4, 50).astype("float32")
    targets = (RNG.random(50) < 0.5).astype("float32")
    for focal in (0.0, 2.0):
        loss = keras.losses.BinaryFocalCrossentropy(gamma=focal, from_logits=True, reduction=None)
        expected = loss(targets[:, None], logits[:, None])
        losses = np.asarray(binary_cross_entropy(ops.convert_to_tensor(logits), targets, focal))
        assert np.allclose(losses, np.asarray(expected), atol=2e-6)
    far = binary_cross_entropy(ops.convert_to_tensor([80.0, -80.0]), np.float32([0, 1]), 2.0)
    assert np.isfinite(np.asarray(far)).all()
    assert np.allclose(smooth_labels(np.float32([0, 1]), 0.2), [0.1, 0.9])


def test_a_constant_rate_of_adam_is_that_of_keras(pretrained):
    """One step of the head equals Keras' own Adam on the same gradient."""
    pretrained._reset(0, pretrained.model.variables)
    head = pretrained.parts.head
    dense = [layer for layer in head.layers if isinstance(layer, keras.layers.Dense)]
    bias = dense[-1].bias
    step = pretrained._steps.get("head", use_ema=False)
    step.reset()
    features = RNG.normal(size=(8, head.input_shape[1])).astype("float32")
    step(features, np.ones(8, "float32"), np.ones(8, "float32"), [1e-3])
    assert float(np.asarray(bias)[0]) == pytest.approx(1e-3, rel=1e-3)


def test_averaged_weights_are_evaluated_and_do_not_change_training(pretrained):
    training = Training(**SHORT, trained="head", ema_half_life=4)
    first = pretrained.fit(TRAIN, OTHER, training, seed=1)
    again = pretrained.fit(TRAIN, OTHER, training, seed=1)
    plain = pretrained.fit(TRAIN, OTHER, Training(**SHORT, trained="head"), seed=1)
    assert first.equals(again)
    assert (first["loss"] == plain["loss"]).all() and (first["val_loss"] != plain["val_loss"]).any()


def test_the_cosine_schedule_warms_up_and_ends_low():
    training = Training(steps=100)
    rates = [learning_rate(training, step, 100) for step in range(1, 101)]
    assert np.argmax(rates) == 9 and rates[9] == training.learning_rate
    assert rates[0] == training.learning_rate / 10 and rates[-1] == training.learning_rate / 100


def test_a_network_is_compiled_once_for_all_trials(pretrained):
    late = {"trained": "last_block", **SHORT}
    pretrained.fit(TRAIN, OTHER, Training(**late), seed=1)
    steps = dict(pretrained._steps._steps)
    pretrained.fit(OTHER, TRAIN, Training(**late, focal=1.0, label_smoothing=0.1), seed=2)
    assert {k: id(v) for k, v in steps.items()} == {
        k: id(v) for k, v in pretrained._steps._steps.items()
    }


def test_hybrid_takes_a_precision_for_each_backbone():
    network = registry.build("hybrid", 32, 1, precision="float32,bfloat16")
    dtypes = {b.name: {layer.compute_dtype for layer in b.layers[1:]} for b in network.backbones}
    of = {name.split("_")[0].lower(): value for name, value in dtypes.items()}
    assert of["mobilenetv3large"] == {"float32"} and of["resnet50"] == {"bfloat16"}
    assert all(v.dtype == "float32" for v in network.model.variables if "seed" not in v.path)
    assert precision.faster_classifier_precision("hybrid") == "float32,bfloat16"


def test_bfloat16_trains_float32_weights_and_predictions_are_float32(weights):
    classifier = Classifier("mobilenet_v3_small", 32, 1, weights, "bfloat16")
    classifier.fit(TRAIN, OTHER, Training(trained="last_block", **SHORT))
    assert {v.dtype for v in classifier.model.trainable_variables} == {"float32"}
    assert classifier.model.compute_dtype == "float32"
    assert classifier._steps.training_model.backbones[0].layers[-1].compute_dtype == "bfloat16"
    probabilities = classifier.predict(OTHER.pixels)
    assert np.isfinite(probabilities).all() and len(np.unique(probabilities)) > 1


CODE = """
import json, sys
import numpy as np
import keras
from classifiers import registry
from classifiers.training.batches import Examples
from classifiers.training.settings import Training
from classifiers.training.trainer import Classifier
assert keras.backend.backend() == "jax" and "tensorflow" not in sys.modules
rng = np.random.default_rng(0)
targets = np.arange(32) % 2
pixels = rng.integers(0, 120, (32, 32, 32, 1)) + 120 * targets[:, None, None, None]
train = Examples(pixels.astype("uint8"), targets)
classifier = Classifier("mobilenet_v3_small", 32, 1, sys.argv[1])
training = Training(steps=100, batch=8, evaluations=2, trained="head", learning_rate=3e-3)
history = classifier.fit(train, train, training)
more = Training(steps=2, batch=8, evaluations=1, ema_half_life=2, trained="last_block")
more = classifier.fit(train, train, more)
assert "tensorflow" not in sys.modules
print(json.dumps({"auc": history["val_roc_auc"].tolist(), "loss": more["loss"].tolist()}))
"""


def test_it_trains_on_jax_without_tensorflow(weights):
    process = subprocess.run(
        [sys.executable, "-c", CODE, weights],
        env=on_jax.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    result = json.loads(process.stdout.splitlines()[-1])
    assert result["auc"][-1] > 0.9 and np.isfinite(result["loss"]).all()
