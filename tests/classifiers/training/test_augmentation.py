"""Classical augmentation: range, reproducibility, independence, and targets that fit the pixels."""

import random
import subprocess
import sys

import numpy as np
import on_jax
import pytest
from PIL import Image

from classifiers.training import augmentation
from classifiers.training.augmentation import MIXING, POLICIES, augmenter, check_policy
from ufgen import backend
from ufgen.cli import main
from ufgen.errors import UserError

RNG = np.random.default_rng(0)
BATCH, SIZE = 6, 32
CHANGING = POLICIES[1:]
PIXELS = RNG.integers(30, 226, (BATCH, SIZE, SIZE, 1), dtype=np.uint8)
TARGETS = (np.arange(BATCH) % 2).astype("float32")


def _calls(augment, number=3, pixels=PIXELS):
    return [augment(pixels, TARGETS) for _ in range(number)]


def _same(these, those):
    return all(
        (a == b).all() for x, y in zip(these, those, strict=True) for a, b in zip(x, y, strict=True)
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", POLICIES)
def test_shape_range_and_dtype_are_kept(name, channels):
    pixels = RNG.integers(0, 256, (BATCH, SIZE, SIZE, channels), dtype=np.uint8)
    for images, targets in _calls(augmenter(name, 0), pixels=pixels):
        assert images.shape == pixels.shape and images.dtype == np.float32
        assert images.min() >= 0 and images.max() <= 255 and np.isfinite(images).all()
        assert targets.shape == TARGETS.shape and targets.dtype == np.float32
        assert targets.min() >= 0 and targets.max() <= 1
        assert name in MIXING or (targets == TARGETS).all()


def test_none_changes_nothing():
    images, targets = augmenter("none", 0)(PIXELS, TARGETS)
    assert (images == PIXELS).all() and (targets == TARGETS).all()


@pytest.mark.parametrize("name", CHANGING)
def test_a_seed_repeats_and_augmenters_are_independent(name):
    expected = _calls(augmenter(name, 3))
    state = random.getstate(), np.random.get_state()[1].tolist()
    first, second = augmenter(name, 3), augmenter(name, 4)
    together = [(first(PIXELS, TARGETS), second(PIXELS, TARGETS)) for _ in expected]
    assert _same([a for a, _ in together], expected)
    assert _same([b for _, b in together], _calls(augmenter(name, 4)))
    assert not _same([b for _, b in together], expected)
    assert state == (random.getstate(), np.random.get_state()[1].tolist())


@pytest.mark.parametrize("name", CHANGING)
def test_augmentation_differs_by_call_and_by_image(name):
    """The images are equal; mixing needs two kinds."""
    pixels = np.repeat(PIXELS[:1], 32, axis=0)
    if name in MIXING:
        pixels[16:] //= 2
    augment = augmenter(name, 0)
    one, two = (augment(pixels, np.zeros(32, "float32"))[0] for _ in range(2))
    assert len({image.tobytes() for image in one}) > 8
    assert (one != two).any()


@pytest.mark.parametrize("name", MIXING)
def test_targets_are_mixed_as_the_pixels_are(name):
    targets = (np.arange(32) % 2).astype("float32")
    pixels = np.uint8(255 * targets)[:, None, None, None] * np.ones((1, 64, 64, 1), np.uint8)
    augment, soft = augmenter(name, 0), 0
    for _ in range(4):
        images, mixed = augment(pixels, targets)
        edge = 2 / 64 if name == "cutmix" else 1e-5  # a rectangle ends between pixels
        assert np.abs(images.mean(axis=(1, 2, 3)) / 255 - mixed).max() < edge
        soft += ((mixed > 0.05) & (mixed < 0.95)).sum()
    assert soft > 8


@pytest.mark.parametrize("name", ["light", "seed"])
def test_what_a_transformation_uncovers_is_black_and_the_center_stays(name):
    """A bright cross on gray; light moves its center by at most a tenth of the side."""
    pixels = np.full((64, 65, 65, 1), 100, np.uint8)
    pixels[:, 31:34] = pixels[:, :, 31:34] = 250
    images, _ = augmenter(name, 0)(pixels, np.zeros(64, "float32"))
    corners = images[:, [0, 0, -1, -1], [0, -1, 0, -1], 0]
    limit = 7 if name == "light" else 0
    center = images[:, 32 - limit : 33 + limit, 32 - limit : 33 + limit].max(axis=(1, 2, 3))
    assert (center > 170).all()
    assert (corners < 60).any() and (corners > 60).any()


def test_half_of_the_images_are_flipped():
    pixels = np.zeros((200, 32, 32, 1), np.uint8)
    pixels[:, :, :16] = 200
    for name in ("light", "seed"):
        images, _ = augmenter(name, 0)(pixels, np.zeros(200, "float32"))
        flipped = images[:, :, 16:].mean(axis=(1, 2, 3)) > images[:, :, :16].mean(axis=(1, 2, 3))
        assert 0.35 < flipped.mean() < 0.65


def test_a_gridmask_hides_and_keeps_the_other_pixels():
    images, _ = augmenter("gridmask", 0)(PIXELS, TARGETS)
    hidden = images == 0
    assert ((images == PIXELS) | hidden).all() and 0 < hidden.mean() < 0.5


def test_randaugment_changes_an_image_independently_of_its_batch():
    """Not even histogram equalization depends on the other images."""
    others = PIXELS.copy()
    others[1:] //= 3
    for _ in range(4):
        one, two = augmenter("randaugment", 5), augmenter("randaugment", 5)
        for _ in range(6):
            assert (one(PIXELS, TARGETS)[0][0] == two(others, TARGETS)[0][0]).all()


def test_a_policy_is_compiled_once_for_all_seeds(monkeypatch):
    traced = []

    def counted(call, variables):
        return compile_with_state(lambda *tensors: traced.append(1) or call(*tensors), variables)

    compile_with_state = backend.compile_with_state
    monkeypatch.setattr(backend, "compile_with_state", counted)
    augmentation._program.cache_clear()
    for seed in range(3):
        _calls(augmenter("light", seed), 2)
    augmentation._program.cache_clear()
    assert len(traced) == 1


def test_unknown_names_are_refused():
    for refuse in (check_policy, lambda name: augmenter(name, 0)):
        with pytest.raises(UserError, match="no augmentation policy 'odd': expected one of none"):
            refuse("odd")


def test_gridmask_without_tensorflow_names_an_alternative(monkeypatch):
    monkeypatch.setattr(backend, "on_tensorflow", lambda: False)
    with pytest.raises(UserError, match="KERAS_BACKEND"):
        augmenter("gridmask", 0)


def test_augmentation_on_jax():
    code = """
import numpy as np
from classifiers.training.augmentation import augmenter
targets = np.float32([0, 1] * 4)
pixels = np.uint8(255 * targets)[:, None, None, None] * np.ones((1, 32, 32, 1), np.uint8)
for name in ("light", "cutmix"):
    augment, again, other = augmenter(name, 1), augmenter(name, 1), augmenter(name, 2)
    for _ in range(3):
        images, mixed = augment(pixels, targets)
        assert images.dtype == mixed.dtype == np.float32 and images.shape == pixels.shape
        assert (again(pixels, targets)[0] == images).all()
        assert (other(pixels, targets)[0] != images).any()
        assert name == "light" or np.abs(images.mean(axis=(1, 2, 3)) / 255 - mixed).max() < 2 / 32
"""
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, env=on_jax.environment(), capture_output=True)
    assert process.returncode == 0, process.stderr.decode()


def test_the_command_writes_a_sheet(tmp_path, phantoms, monkeypatch, capsys):
    options = ["--policies", "light", "--policies", "mixup", "--resolution", "32"]
    command = ["ufgen", "data", "augmentations", phantoms, "--out", tmp_path, *options]
    monkeypatch.setattr(sys, "argv", [str(part) for part in command])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    assert str(tmp_path / "augmentations.png") in capsys.readouterr().out
    width, height = Image.open(tmp_path / "augmentations.png").size
    assert width > 8 * 128 and height > 4 * 128
