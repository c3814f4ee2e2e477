"""Batch normalisation by one kernel gives Keras' outputs, gradients and moving statistics."""

import numpy as np
import pytest

from ufgen.environment import prepare

prepare()

import keras  # noqa: E402
from keras import ops  # noqa: E402

from ufgen import backend  # noqa: E402
from ufgen.kernels import BatchNormalization, use_fused_batch_normalization  # noqa: E402

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(3, 2, (6, 5, 4, 7)).astype("float32")
WEIGHTS = [RNG.uniform(0.5, 2, 7) for _ in range(4)]


def outputs_gradients_and_state(layer, training: bool, weights=WEIGHTS):
    layer.build(FEATURES.shape)
    layer.set_weights(weights)

    def loss(features):
        outputs = layer(features, training=training)
        return ops.sum(ops.cast(outputs, "float32") ** 3), outputs

    features = ops.convert_to_tensor(FEATURES)
    result = backend.gradients(loss, [layer.beta], features)
    layer(features, training=training)
    return [np.array(ops.cast(v, "float32")) for v in (result.extra, result.input_gradient)] + [
        *map(np.array, result.variable_gradients),
        *map(np.array, layer.variables),
    ]


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_it_is_keras_layer(training, frozen):
    outputs, expected = (
        outputs_gradients_and_state(
            kind(momentum=0.7, epsilon=1e-2, trainable=not frozen), training
        )
        for kind in (BatchNormalization, keras.layers.BatchNormalization)
    )
    for ours, theirs in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)
    if frozen or not training:
        np.testing.assert_array_equal(outputs[-1], WEIGHTS[3].astype("float32"))


def test_half_precision_keeps_moving_statistics_in_float32():
    kinds = (BatchNormalization, keras.layers.BatchNormalization)
    ours, theirs = (
        outputs_gradients_and_state(kind(momentum=0.7, dtype="mixed_bfloat16"), True)
        for kind in kinds
    )
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0.02, atol=0.02)
    np.testing.assert_allclose(ours[-1], theirs[-1], rtol=0.01)


def test_vectors_and_layers_without_scale_too():
    vectors = FEATURES.reshape(-1, 7)
    for shape, options in ((vectors, {}), (FEATURES, {"scale": False}), (FEATURES, {"axis": 3})):
        kinds = (BatchNormalization, keras.layers.BatchNormalization)
        ours, theirs = (np.array(kind(**options)(shape, training=True)) for kind in kinds)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_network_of_keras_computes_the_same_after_the_change():
    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNetV2(
        weights=None, include_top=False, input_shape=(32, 32, 3), alpha=0.35
    )
    images = RNG.uniform(-1, 1, (4, 32, 32, 3)).astype("float32")
    before = np.array(network(images, training=False))
    use_fused_batch_normalization(network)
    np.testing.assert_allclose(np.array(network(images, training=False)), before, atol=1e-5)
    assert any(isinstance(layer, BatchNormalization) for layer in network.layers)
