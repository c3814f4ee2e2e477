"""Adversarial losses, differentiable augmentation, and the gradients they are trained with."""

import numpy as np
import pytest

from ufgen.environment import prepare

prepare()

import keras  # noqa: E402
from keras import ops  # noqa: E402

from ufgen.gan import backend, losses  # noqa: E402
from ufgen.gan.diffaugment import augment, draw_changes  # noqa: E402
from ufgen.gan.recipe import AUGMENTATIONS  # noqa: E402


def as_tensor(values) -> object:
    return ops.convert_to_tensor(np.asarray(values, "float32"))


def softplus(values) -> np.ndarray:
    return np.log1p(np.exp(np.asarray(values, "float64")))


def test_losses_are_the_softplus_of_the_paper():
    real, fake = [-1.5, 0.0, 2.0], [-3.0, 0.5, 1.0]
    expected = softplus([1.5, 0.0, -2.0]).mean() + softplus(fake).mean()
    found = losses.discriminator_loss(as_tensor(real), as_tensor(fake))
    assert float(found) == pytest.approx(expected, rel=1e-5)
    expected = softplus([3.0, -0.5, -1.0]).mean()
    assert float(losses.generator_loss(as_tensor(fake))) == pytest.approx(expected, rel=1e-5)


def test_an_undecided_discriminator_costs_log_2_for_each_side():
    zeros = as_tensor([0.0, 0.0])
    assert float(losses.discriminator_loss(zeros, zeros)) == pytest.approx(2 * np.log(2), rel=1e-6)
    assert float(losses.generator_loss(zeros)) == pytest.approx(np.log(2), rel=1e-6)


def test_losses_stay_finite_for_extreme_logits():
    wrong = losses.discriminator_loss(as_tensor([-1e4]), as_tensor([1e4]))
    assert float(wrong) == pytest.approx(2e4, rel=1e-5)
    assert float(losses.generator_loss(as_tensor([1e4]))) == pytest.approx(0, abs=1e-6)


def test_gradient_penalty_is_half_the_squared_norm_of_each_image():
    slope = np.arange(12, dtype="float32").reshape(2, 2, 3, 1)
    expected = 0.5 * np.mean([np.sum(slope[0] ** 2), np.sum(slope[1] ** 2)])
    assert float(losses.gradient_penalty(as_tensor(slope))) == pytest.approx(expected)


def test_gradient_of_a_known_function():
    """d sum(x^3) / dx = 3 x^2."""
    images = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 2, 2, 1)
    found = backend.gradient_of(lambda x: x**3, as_tensor(images))
    np.testing.assert_allclose(np.asarray(found), 3 * images**2, rtol=1e-5)


def test_gradients_with_respect_to_variables():
    weight, other = keras.Variable([2.0, -1.0]), keras.Variable([5.0, 5.0])
    value, (found,) = backend.gradients(
        lambda: ops.sum(weight * weight * other), [weight], [weight, other]
    )
    assert float(value) == 25.0
    np.testing.assert_allclose(np.asarray(found), [20.0, -10.0])


def test_augmentation_keeps_shape_and_lets_gradients_through():
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (4, 32, 32, 3)).astype("float32")
    changes = draw_changes(rng, 4, AUGMENTATIONS, 32)
    assert augment(as_tensor(images), changes).shape == (4, 32, 32, 3)
    slope = np.asarray(backend.gradient_of(lambda x: augment(x, changes), as_tensor(images)))
    assert np.isfinite(slope).all()
    assert (np.abs(slope).sum((1, 2, 3)) > 0).all()


def test_no_augmentation_changes_nothing():
    images = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 1)).astype("float32")
    changes = draw_changes(np.random.default_rng(0), 2, (), 32)
    np.testing.assert_array_equal(np.asarray(augment(as_tensor(images), changes)), images)


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
    flatter = np.asarray(augment(as_tensor(images), {"contrast": np.float32([0.5, 1.0])}))
    mean = images[0].mean()
    np.testing.assert_allclose(flatter[0], (images[0] - mean) * 0.5 + mean, atol=1e-6)
    np.testing.assert_allclose(flatter[1], images[1], atol=1e-6)


def test_cutout_blackens_a_quarter_wide_square():
    images = np.zeros((1, 16, 16, 1), "float32")
    hidden = np.asarray(augment(as_tensor(images), {"cutout": np.float32([[8, 4]])}))[0, ..., 0]
    expected = np.zeros((16, 16), "float32")
    expected[7:10, 3:6] = -1
    np.testing.assert_array_equal(hidden, expected)
