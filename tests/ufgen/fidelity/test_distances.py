"""Fidelity: distances, coverage and texture against independent references."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import sqrtm
from scipy.ndimage import gaussian_filter
from sklearn.metrics.pairwise import polynomial_kernel

from ufgen.environment import prepare

prepare()

from classifiers.feature_extractor import by_name  # noqa: E402
from ufgen.errors import UserError  # noqa: E402
from ufgen.fidelity import fidelity_table  # noqa: E402
from ufgen.fidelity.distances import (  # noqa: E402
    frechet_distance,
    kernel_distance,
    kernel_distance_interval,
)
from ufgen.fidelity.feature_extractors import extract, network_name, resize_images, texture  # noqa: E402
from ufgen.fidelity.memorization import find_copies  # noqa: E402
from ufgen.fidelity.prdc import precision_recall_density_coverage  # noqa: E402
from ufgen.synthesis import filters  # noqa: E402


def normal(count: int, width: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, width)) + shift


def speckle(count: int, seed: int, smooth: float = 1.0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((count, 32, 32))
    noise = gaussian_filter(noise, (0, smooth, smooth))
    noise = noise / noise.std((1, 2), keepdims=True)
    return np.clip(110 + 40 * noise, 0, 255).astype("uint8")[..., None]


@pytest.mark.parametrize(("n", "m", "width"), [(40, 30, 12), (700, 520, 5)])
def test_kernel_distance_is_the_unbiased_mmd(n, m, width):
    """As scikit-learn's cubic kernel gives it, also over several blocks."""
    x, y = normal(n, width, 0), normal(m, width, 1, 0.3)
    options = {"degree": 3, "gamma": 1 / width, "coef0": 1}
    xx, yy = (polynomial_kernel(a, **options) for a in (x, y))
    expected = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    expected -= 2 * polynomial_kernel(x, y, **options).mean()
    assert kernel_distance(x, y) == pytest.approx(expected, rel=1e-6)
    assert kernel_distance_interval(x, y)[0] == pytest.approx(expected, rel=1e-6)


def test_the_mean_kernel_distance_of_samples_of_one_distribution_is_zero():
    values = [kernel_distance(normal(30, 4, 2 * i), normal(20, 4, 2 * i + 1)) for i in range(200)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(200)


def test_the_interval_covers_the_true_distance():
    """The truth from a large sample; 95 % of 100 small samples, give or take."""
    truth = kernel_distance(normal(4000, 3, 0), normal(4000, 3, 1, 0.7))
    hits = 0
    for i in range(100):
        _, low, high = kernel_distance_interval(normal(80, 3, 100 + i), normal(80, 3, 300 + i, 0.7))
        hits += low <= truth <= high
    assert 85 <= hits <= 100


def test_frechet_distance_is_that_of_scipys_matrix_root():
    x, y = normal(300, 6, 0), normal(200, 6, 1) @ np.diag([1, 2, 3, 1, 1, 0.5]) + 1
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)


def test_precision_recall_density_coverage_by_definition():
    real, fake, k = normal(60, 3, 0), normal(50, 3, 1, 0.5), 5
    within = [np.sort(np.linalg.norm(s[:, None] - s, axis=-1), 1)[:, k] for s in (real, fake)]
    between = np.linalg.norm(real[:, None] - fake, axis=-1)
    inside_real, inside_fake = between < within[0][:, None], between < within[1]
    assert precision_recall_density_coverage(real, fake, k) == pytest.approx(
        {
            "precision": inside_real.any(0).mean(),
            "recall": inside_fake.any(1).mean(),
            "density": inside_real.sum(0).mean() / k,
            "coverage": inside_real.any(1).mean(),
        }
    )


def test_coverage_by_hand():
    """Four points on a line, k = 1: their balls reach out 1, 1, 2 and 7.

    The fake at 0.5 lies in two balls, that at 4 in the last two; their own balls reach 3.5 and hold
    the first three.
    """
    real = np.array([[0.0], [1.0], [3.0], [10.0]])
    fake = np.array([[0.5], [4.0]])
    assert precision_recall_density_coverage(real, fake, k=1) == {
        "precision": 1.0,
        "recall": 0.75,
        "density": 2.0,
        "coverage": 1.0,
    }


@pytest.mark.parametrize("bad", [normal(1, 3, 0), normal(5, 4, 0), np.full((5, 3), np.nan)])
def test_features_that_cannot_be_compared_are_refused(bad):
    with pytest.raises(UserError):
        kernel_distance(normal(5, 3, 0), bad)


def test_texture_sees_blur_and_is_at_its_reference_for_the_same_speckle():
    real = {"a": speckle(60, 0), "b": speckle(60, 1)}
    same = {"a": speckle(60, 2), "b": speckle(60, 3)}
    blurred = {"a": speckle(60, 2, 2.5), "b": speckle(60, 3)}
    tables = [fidelity_table.measure(real, synthetic, [texture()]) for synthetic in (same, blurred)]
    values = [t.set_index(["metric", "scope"])["value"] for t in tables]
    references = tables[0].set_index(["metric", "scope"])["reference_high"]
    assert values[0]["KD-texture", "all"] < references["KD-texture", "all"] + 0.05
    assert values[1]["KD-texture", "a"] > 10 * abs(values[0]["KD-texture", "a"]) + 1
    assert values[1]["coverage-texture", "a"] < 0.2 < values[0]["coverage-texture", "a"]
    assert set(tables[0]["scope"]) == {"all", "a", "b"}
    assert tables[0]["stamp"].nunique() == 1


def test_metrics_of_few_images_are_undefined_with_a_note(tmp_path):
    table = fidelity_table.measure({"a": speckle(3, 0)}, {"a": speckle(3, 1)}, [texture()])
    few = table[table["metric"] == "coverage-texture"]
    assert few["value"].isna().all() and few["note"].str.contains("undefined").all()
    fidelity_table.write(table, tmp_path)
    assert (tmp_path / "fidelity.png").is_file()
    assert len(pd.read_csv(tmp_path / "fidelity.csv")) == len(table)


def test_features_are_cached_by_content():
    calls = []
    extractor = texture()

    def counted(images):
        calls.append(len(images))
        return extractor.function(images)

    counting = type(extractor)("counting", extractor.stamp, counted)
    images = speckle(4, 9)
    first = extract(counting, images)
    np.testing.assert_array_equal(extract(counting, images.copy()), first)
    extract(counting, images[:3])
    assert calls == [4, 3]


def test_resizing_down_is_antialiased():
    """A checkerboard becomes grey, not another checkerboard."""
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype("uint8")[None, ..., None]
    small = resize_images(board, 16)
    assert small.shape == (1, 16, 16, 3)
    assert np.abs(small[:, 2:-2, 2:-2] - 127.5).max() < 8


def test_extractors_by_name(tmp_path):
    import keras

    options = {"alpha": 0.35, "include_top": False, "pooling": "avg", "input_shape": (224, 224, 3)}
    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNetV2(weights=None, **options)
    network.save_weights(tmp_path / "own.weights.h5")
    extractor = by_name("keras:MobileNetV2?alpha=0.35", tmp_path / "own.weights.h5")
    assert extractor.name == "mobilenetv2"
    assert network_name("keras:InceptionV3") == "inception"
    images = speckle(3, 0)
    expected = network.predict(resize_images(images, 224) / 127.5 - 1, verbose=0)
    np.testing.assert_allclose(extractor.function(images), expected, atol=1e-5)
    network.set_weights([w * 1.01 for w in network.get_weights()])
    network.save_weights(tmp_path / "other.weights.h5")
    other = by_name("keras:MobileNetV2?alpha=0.35", tmp_path / "other.weights.h5")
    assert other.stamp != extractor.stamp


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("odd", "imagenet", "there is no extractor odd"),
        ("keras:Odd", "imagenet", "there is no network"),
        ("keras:MobileNetV2?alpha=odd", "imagenet", "cannot be built"),
        ("keras:MobileNetV2", "nowhere.h5", "there is no weights file"),
        (".", "imagenet", "no trained classifier"),
    ],
)
def test_an_extractor_that_cannot_be_built_is_named(tmp_path, monkeypatch, name, weights, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        by_name(name, weights)


def test_a_memorising_generator_is_flagged_and_unseen_images_are_not():
    """Disturbed copies of 16 training images, against images that no generator saw."""
    train, held_out, unseen = (speckle(60, seed, 3.0) for seed in (0, 1, 2))
    rng = np.random.default_rng(0)
    copies = train[:16].repeat(4, 0).astype("int64") + rng.normal(0, 6, (64, 32, 32, 1))
    copies[::2] = copies[::2, :, ::-1]
    memorised = find_copies(np.clip(copies, 0, 255).astype("uint8"), train, held_out)
    assert memorised.copying and memorised.rate > 0.9
    assert set(memorised.table["train_row"]) == set(range(16))
    assert memorised.tests.loc["pixels", "p"] < 1e-6
    honest = find_copies(unseen, train, held_out)
    assert not honest.copying
    assert honest.tests.loc["pixels", "p"] > 0.01
    assert "no sign of copying" in honest.verdict() and "copying: " in memorised.verdict()


def test_without_held_out_images_the_training_images_stand_in_for_them():
    train = speckle(40, 0, 3.0)
    groups = np.arange(40) // 2
    assert find_copies(train[:10], train, groups=groups).copying
    assert not find_copies(speckle(40, 5, 3.0), train, groups=groups).copying


def test_filters_drop_images_with_a_reason():
    labels = np.array(["a"] * 4 + ["b"] * 4)
    scores = np.arange(8.0)
    tables = {
        "agreement": filters.by_agreement(scores / 8, threshold=0.2),
        "discriminator": filters.by_discriminator(scores, labels, kept_fraction=0.5),
    }
    keep, dropped = filters.apply(tables, labels)
    assert keep.tolist() == [False, False, True, True, False, False, True, True]
    assert dropped.groupby("filter").size().to_dict() == {"agreement": 2, "discriminator": 4}
    assert dropped["reason"].str.len().min() > 10
    real = normal(30, 3, 0)
    far = filters.by_manifold(np.concatenate([real[:3], real[:3] + 50]), real)
    assert far["keep"].tolist() == [True] * 3 + [False] * 3
    with pytest.raises(UserError, match="leaves no image of the class b"):
        filters.apply({"agreement": filters.by_agreement(8 - scores, threshold=6)}, labels)
