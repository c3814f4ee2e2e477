"""Features against their definitions: co-occurrence by hand, PIL, scipy, and fakes for networks."""

import hashlib
from itertools import product

import numpy as np
import pytest
import pywt
import skimage.feature  # noqa: F401 (imported here once, for all tests)
from mean_network import MeanNetwork
from PIL import Image
from scipy import stats

from ufgen.environment import prepare

prepare()

from ufgen.fidelity import feature_extractors  # noqa: E402

RNG = np.random.default_rng


def features_of(image: np.ndarray) -> np.ndarray:
    return feature_extractors.texture().function(image[None])[0]


def speckle(seed: int, channels: int = 1) -> np.ndarray:
    return RNG(seed).integers(0, 256, (32, 32, channels)).astype("uint8")


def co_occurrence(grey: np.ndarray, distance: int) -> np.ndarray:
    """Haralick's statistics (5,) by counting pairs, in the mean over four directions."""
    statistics = []
    for angle in np.arange(4) * np.pi / 4:
        down, right = round(np.sin(angle) * distance), round(np.cos(angle) * distance)
        pairs = []
        for y, x in product(*map(range, grey.shape)):
            if 0 <= y + down < grey.shape[0] and 0 <= x + right < grey.shape[1]:
                pairs.append((grey[y, x], grey[y + down, x + right]))
        a, b = np.array(pairs + [pair[::-1] for pair in pairs], float).T
        proportions = np.unique(np.stack([a, b]), axis=1, return_counts=True)[1] / len(a)
        energy, gap = np.sqrt((proportions**2).sum()), np.abs(a - b)
        homogeneity = (1 / (1 + gap**2)).mean()
        statistics.append(
            [(gap**2).mean(), gap.mean(), homogeneity, energy, np.corrcoef(a, b)[0, 1]]
        )
    return np.mean(statistics, axis=0)


def test_the_first_fifteen_features_are_haralicks_at_three_distances():
    image = speckle(0)
    expected = np.stack([co_occurrence(image[..., 0] // 16, d) for d in (1, 2, 4)], axis=1)
    assert features_of(image)[:15].reshape(5, 3) == pytest.approx(expected, rel=1e-5)


def test_patterns_of_a_flat_image_a_bright_dot_and_a_turned_image():
    flat = np.full((32, 32, 1), 90, "uint8")
    assert features_of(flat)[15 + 8] == pytest.approx(30**2 / 32**2)  # but for the border,
    assert features_of(flat)[25 + 16] == pytest.approx(28**2 / 32**2)  # all neighbours as bright
    dot = flat.copy()
    dot[8, 8] = 200
    around = features_of(dot)
    assert around[15] == around[25] == pytest.approx(1 / 32**2)  # no neighbour as bright
    image = speckle(1)
    assert features_of(np.rot90(image))[15:43] == pytest.approx(features_of(image)[15:43])


def test_log_energies_of_three_levels_of_wavelets_the_coarse_first():
    image = speckle(2)
    coarse, levels = image[..., 0].astype(float), []
    for _ in range(3):
        coarse, bands = pywt.dwt2(coarse, "db2", mode="periodization")
        levels.insert(0, [np.log(np.abs(band).mean() + 1e-3) for band in bands])
    assert features_of(image)[43:52] == pytest.approx(np.ravel(levels), rel=1e-5)
    flat = features_of(np.full((32, 32, 1), 90, "uint8"))
    assert flat[43:52] == pytest.approx(np.log(1e-3), abs=1e-3)
    stripes = np.tile(np.array([0, 200], "uint8"), (32, 16))[..., None]
    fine = features_of(stripes)[43:52].reshape(3, 3)
    assert fine.argmax() == 7 and fine[2, 1] > np.log(100)  # finest level, across the stripes


@pytest.mark.parametrize("seed", [3, 4])
def test_the_last_eight_are_moments_and_percentiles(seed):
    image = speckle(seed)
    image[seed:] //= 3
    grey = image.ravel().astype(float)
    expected = [grey.mean(), stats.tstd(grey, ddof=0)]
    expected += [stats.scoreatpercentile(grey, p) for p in (5, 25, 50, 75, 95)]
    assert features_of(image)[-8:] == pytest.approx([*expected, stats.skew(grey)], rel=1e-4)
    faint = np.full((32, 32, 1), 100, "uint8")
    faint[0, :3] = 101  # a deviation of 0.05
    assert features_of(faint)[-1] == pytest.approx(
        stats.skew(faint.ravel().astype(float)), rel=1e-4
    )
    assert features_of(np.full_like(faint, 100))[-2:].tolist() == [100, 0]


def test_colours_count_by_their_mean():
    image = speckle(5)
    assert features_of(image.repeat(3, -1)) == pytest.approx(features_of(image), rel=1e-6)
    colours = np.stack([np.full((32, 32), v, "uint8") for v in (30, 60, 120)], -1)
    assert features_of(colours)[-8] == pytest.approx(70)


def test_the_stamp_of_texture_is_that_of_its_version():
    """It stands in every fidelity.csv: another one says that the numbers cannot be compared."""
    extractor = feature_extractors.by_name("texture")
    assert (extractor.name, extractor.stamp) == (
        "texture",
        hashlib.sha256(b"texture 2 16").hexdigest()[:12],
    )
    assert extractor.families == (3, 3, 3, 3, 3, 10, 18, 9, 7, 1)
    assert extractor.function(speckle(0)[None]).dtype == np.float32


def test_features_are_computed_again_for_other_images_shapes_stamps_and_code(monkeypatch, tmp_path):
    monkeypatch.setattr(feature_extractors, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(
        feature_extractors.provenance, "versions", lambda *what: {"code": (version, what)}
    )
    calls, version = [], 1

    def function(images):
        calls.append(images.shape)
        return np.full((len(images), 2), len(calls), "float64")

    images = np.arange(24, dtype="uint8").reshape(2, 3, 4, 1)
    one = feature_extractors.Extractor("one", "a", function)
    assert feature_extractors.extract(one, images).tolist() == [[1, 1]] * 2
    assert feature_extractors.extract(one, images[:, ::-1][:, ::-1]).tolist() == [[1, 1]] * 2
    again = feature_extractors.extract(one, images)
    assert again.dtype == np.float32 and len(calls) == 1
    assert feature_extractors.extract(one, images + 1).max() == 2
    assert feature_extractors.extract(one, images.reshape(2, 4, 3, 1)).max() == 3
    assert (
        feature_extractors.extract(feature_extractors.Extractor("one", "b", function), images).max()
        == 4
    )
    assert (
        feature_extractors.extract(feature_extractors.Extractor("two", "a", function), images).max()
        == 5
    )
    names = {file.name for file in (tmp_path / "features").iterdir()}
    version = 2
    assert feature_extractors.extract(one, images).max() == 6
    assert len(names) == 5 and {name[:4] for name in names} == {"one-", "two-"}
    assert all(len(name) == 40 and name.endswith(".npy") for name in names)


@pytest.mark.parametrize("count", [1, 32, 70])
def test_a_keras_network_sees_prepared_images_in_full_batches(monkeypatch, count):
    network, requests = MeanNetwork(np.ones(3)), []

    def build(*arguments, **options):
        requests.append((arguments, options))
        return network, lambda images: images / 2 - 1

    monkeypatch.setattr(feature_extractors.pretrained, "build", build)
    extractor = feature_extractors.by_name("keras:InceptionV3?x=1", "own.weights.h5")
    feature_extractors.by_name("keras:MobileNetV2")
    feature_extractors.keras_extractor("keras:MobileNetV2")
    assert requests == [
        (("keras:InceptionV3?x=1", "own.weights.h5"), {"pooling": "avg"}),
        *[(("keras:MobileNetV2", "imagenet"), {"pooling": "avg"})] * 2,
    ]
    assert extractor.name == "inception" and extractor.stamp == feature_extractors.hash_network(
        network
    )
    images = RNG(0).integers(0, 256, (count, 6, 6, 3)).astype("uint8")
    features = extractor.function(images)
    assert features == pytest.approx(images.mean((1, 2)) / 2 - 1, abs=1e-4)
    assert features.dtype == np.float32
    assert set(network.batches) == {(32, 6, 6, 3)} and len(network.batches) == -(-count // 32)


def test_the_hash_of_weights_is_that_of_their_bytes_in_order():
    a, b = RNG(0).normal(size=(3, 4)), RNG(1).normal(size=5)
    expected = hashlib.sha256(a.tobytes() + b.tobytes()).hexdigest()[:12]
    assert feature_extractors.hash_network(MeanNetwork(a, b)) == expected
    assert feature_extractors.hash_network(MeanNetwork(np.asfortranarray(a), b)) == expected
    assert feature_extractors.hash_network(MeanNetwork(b, a)) != expected


def test_names_of_networks():
    assert feature_extractors.network_name("keras:MobileNetV2?alpha=0.35") == "mobilenetv2"
    assert feature_extractors.network_name("keras:InceptionV3") == "inception"
    assert feature_extractors.network_name("keras:InceptionResNetV2?a=1?b") == "inceptionresnetv2"


@pytest.mark.parametrize("channels", [1, 3])
def test_resizing_keeps_floats_and_is_antialiased_as_pil_does_it(channels):
    images = RNG(6).integers(60, 190, (2, 24, 20, channels)).astype("uint8")
    resized = feature_extractors.resize_images(images, 8)
    assert resized.shape == (2, 8, 8, 3) and resized.dtype == np.float32
    for image, result in zip(images, resized, strict=True):
        for channel in range(3):
            plane = Image.fromarray(image[..., channel % channels])
            rounded = np.asarray(plane.resize((8, 8), Image.Resampling.BICUBIC))
            assert np.abs(result[..., channel] - rounded).max() < 1.01
    assert (resized % 1 != 0).any()
