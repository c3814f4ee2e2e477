"""Adversarial losses, differentiable augmentation, and the gradients they are trained with."""

import numpy as np
import pytest

from ufgen.environment import prepare

prepare()

import keras  # noqa: E402
from keras import ops  # noqa: E402

from ufgen import backend, kernels  # noqa: E402
from ufgen.gan.recipe import AUGMENTATIONS, LOSSES  # noqa: E402
from ufgen.gan.training import losses  # noqa: E402
from ufgen.gan.training.diffaugment import augment, sample_augmentation_parameters  # noqa: E402


def as_tensor(values) -> object:
    return ops.convert_to_tensor(np.asarray(values, "float32"))


def softplus(values) -> np.ndarray:
    return np.log1p(np.exp(np.asarray(values, "float64")))


REAL, FAKE = np.array([-1.5, 0.0, 2.0]), np.array([-3.0, 0.5, 1.0])
BY_HAND = {
    "non_saturating": (softplus(-REAL).mean() + softplus(FAKE).mean(), softplus(-FAKE).mean()),
    "hinge": ((2.5 + 1 + 0) / 3 + (0 + 1.5 + 2) / 3, -FAKE.mean()),
    "relativistic": (softplus(FAKE - REAL).mean(), softplus(REAL - FAKE).mean()),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_those_of_the_papers(name):
    real, fake = as_tensor(REAL), as_tensor(FAKE)
    of_discriminator, of_generator = BY_HAND[name]
    loss = float(losses.discriminator_loss(name, real, fake))
    assert loss == pytest.approx(of_discriminator, rel=1e-5)
    assert float(losses.generator_loss(name, real, fake)) == pytest.approx(of_generator, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_stay_finite_for_extreme_logits(name):
    real, fake = as_tensor([-1e4, 1e4]), as_tensor([1e4, -1e4])
    assert np.isfinite(float(losses.discriminator_loss(name, real, fake)))
    assert np.isfinite(float(losses.generator_loss(name, real, fake)))


@pytest.mark.parametrize("name", ["non_saturating", "relativistic"])
def test_the_gradient_ratio_is_that_of_the_two_losses(name):
    """One backward pass through the discriminator gives the generator its own gradient."""
    real, fake = as_tensor(REAL), as_tensor(FAKE)
    gradients = [
        np.asarray(backend.gradient_of(lambda x, f=loss: f(name, real, x), fake))
        for loss in (losses.generator_loss, losses.discriminator_loss)
    ]
    ratio = np.asarray(losses.gradient_ratio(name, real, fake))
    np.testing.assert_allclose(gradients[1] * ratio, gradients[0], rtol=1e-4)


def test_the_difference_penalty_is_the_exact_one_in_the_mean():
    """For a linear discriminator, over many random directions."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((4, 4, 1))
    images = rng.standard_normal((1, 4, 4, 1))
    directions = rng.standard_normal((20_000, 4, 4, 1))
    logits = as_tensor((images * weights).sum((1, 2, 3)).repeat(len(directions)))
    moved = as_tensor(((images + 0.05 * directions) * weights).sum((1, 2, 3)))
    penalty = float(losses.difference_penalty(logits, moved, 0.05))
    exact = float(losses.gradient_penalty(as_tensor(weights[None])))
    assert penalty == pytest.approx(exact, rel=0.05)


def test_gradient_penalty_is_half_the_squared_norm_of_each_image():
    gradients = np.arange(12, dtype="float32").reshape(2, 2, 3, 1)
    expected = 0.5 * np.mean([np.sum(gradients[0] ** 2), np.sum(gradients[1] ** 2)])
    assert float(losses.gradient_penalty(as_tensor(gradients))) == pytest.approx(expected)


def test_gradient_of_a_known_function():
    """d sum(x^3) / dx = 3 x^2."""
    images = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 2, 2, 1)
    gradient = backend.gradient_of(lambda x: x**3, as_tensor(images))
    np.testing.assert_allclose(np.asarray(gradient), 3 * images**2, rtol=1e-5)


def test_gradients_with_respect_to_variables():
    weight, other = keras.Variable([2.0, -1.0]), keras.Variable([5.0, 5.0])
    result = backend.gradients(
        lambda x: (ops.sum(weight * weight * other * x), "extra"), [weight], as_tensor([1.0, 1.0])
    )
    assert (float(result.loss), result.extra) == (25.0, "extra")
    np.testing.assert_allclose(np.asarray(result.variable_gradients[0]), [20.0, -10.0])
    np.testing.assert_allclose(np.asarray(result.input_gradient), [20.0, 5.0])


def test_the_vjp_is_the_gradient_of_the_output():
    weight = keras.Variable([2.0, -1.0])
    output, backward = backend.vjp(lambda: weight * weight, [weight], [])
    np.testing.assert_allclose(np.asarray(output), [4.0, 1.0])
    np.testing.assert_allclose(np.asarray(backward(as_tensor([1.0, 10.0]))[0]), [4.0, -20.0])


def test_several_steps_run_in_one_program():
    total = keras.Variable(0.0)

    def step(constants):
        total.assign(total + constants["one"])
        return {"total": total.value + 0.0}

    program = backend.compiled(step, [total], ["total"], 4, batch_size=1)
    means = [float(program({"one": as_tensor(1.0)})["total"]) for _ in range(2)]
    assert means == [2.5, 6.5]
    assert float(total.value) == 8.0


def test_augmentation_keeps_shape_and_lets_gradients_through():
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (4, 32, 32, 3)).astype("float32")
    random = keras.random.SeedGenerator(0)
    parameters = sample_augmentation_parameters(random, 4, AUGMENTATIONS, 32)
    assert augment(as_tensor(images), parameters).shape == (4, 32, 32, 3)
    gradient = np.asarray(backend.gradient_of(lambda x: augment(x, parameters), as_tensor(images)))
    assert np.isfinite(gradient).all()
    assert (np.abs(gradient).sum((1, 2, 3)) > 0).all()


def test_no_augmentation_changes_nothing():
    images = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 1)).astype("float32")
    for names, probability in (((), 1.0), (AUGMENTATIONS, 0.0)):
        random = keras.random.SeedGenerator(0)
        parameters = sample_augmentation_parameters(random, 2, names, 32, probability)
        augmented = np.asarray(augment(as_tensor(images), parameters))
        np.testing.assert_allclose(augmented, images, atol=1e-6)


def test_translation_moves_the_picture_and_fills_with_black():
    images = np.random.default_rng(0).uniform(-1, 1, (1, 8, 8, 1)).astype("float32")
    moved = np.asarray(augment(as_tensor(images), {"translation": np.float32([[2, -3]])}))
    expected = np.full_like(images, -1)
    expected[:, :-2, 3:] = images[:, 2:, :-3]
    np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_brightness_and_contrast_by_hand():
    images = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 1)).astype("float32")
    brighter = np.asarray(augment(as_tensor(images), {"brightness": np.float32([0.1, -0.2])}))
    np.testing.assert_allclose(brighter[0], images[0] + 0.1, atol=1e-6)
    np.testing.assert_allclose(brighter[1], images[1] - 0.2, atol=1e-6)
    flatter = np.asarray(augment(as_tensor(images), {"contrast": np.float32([-0.5, 0.0])}))
    mean = images[0].mean()
    np.testing.assert_allclose(flatter[0], (images[0] - mean) * 0.5 + mean, atol=1e-6)
    np.testing.assert_allclose(flatter[1], images[1], atol=1e-6)


def test_cutout_blackens_a_quarter_wide_square():
    images = np.zeros((1, 16, 16, 1), "float32")
    hidden = np.asarray(augment(as_tensor(images), {"cutout": np.float32([[8, 4]])}))[0, ..., 0]
    expected = np.zeros((16, 16), "float32")
    expected[7:10, 3:6] = -1
    np.testing.assert_array_equal(hidden, expected)


def test_adam_is_that_of_keras():
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(3, 4)).astype("float32"), rng.normal(size=5).astype("float32")]
    updated = []
    for apply in (kernels.apply_adam, lambda optimizer, g, v: optimizer.apply(g, v)):
        variables = [keras.Variable(value) for value in values]
        optimizer = keras.optimizers.Adam(1e-2, 0.5, 0.99, epsilon=1e-6)
        optimizer.build(variables)
        for step in range(4):
            optimizer.learning_rate.assign(1e-2 / (step + 1))
            gradients = [as_tensor(np.cos(step + value)) for value in values]
            apply(optimizer, gradients, variables)
        assert int(optimizer.iterations.value) == 4
        updated.append([np.array(v) for v in variables])
    for ours, theirs in zip(*updated, strict=True):
        assert np.allclose(ours, theirs, atol=1e-6)
