"""KD-texture: robust where features hardly vary, and rising with each disturbance."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ufgen.fidelity.distances import kernel_distance
from ufgen.fidelity.feature_extractors import TEXTURE_FAMILIES, Extractor, texture
from ufgen.fidelity.fidelity_table import standardised
from ufgen.fidelity.real_reference import between_halves

FAMILIES = Extractor("two families", "0", lambda images: images, (2, 1))


def scans(count: int, seed: int) -> np.ndarray:
    """Speckle of varied brightness and depth inside a fan, 32 px, black outside: floats."""
    rng = np.random.default_rng(seed)
    speckle = gaussian_filter(rng.standard_normal((count, 32, 32)), (0, 0.8, 0.8))
    bright = rng.uniform(70, 130, (count, 1, 1)) + 30 * speckle / speckle.std()
    down, right = np.mgrid[:32, :32] / 31
    fan = np.abs(np.arctan2(right - 0.5, down + 0.25)) < 0.6
    return np.where(fan, np.clip(bright, 0, 255), 0)[..., None]


def features(images: np.ndarray) -> np.ndarray:
    return texture().function(np.clip(images, 0, 255).round().astype("uint8"))


DISTURBANCES = {
    "blur": lambda x, s, rng: gaussian_filter(x, (0, s, s, 0)),
    "noise": lambda x, s, rng: x + rng.normal(0, 16 * s, x.shape),
    "contrast": lambda x, s, rng: x.mean() + (x - x.mean()) * (1 - 0.4 * s),
    "brightness": lambda x, s, rng: x + 30 * s,
}


@pytest.mark.parametrize("name", DISTURBANCES)
def test_kd_texture_rises_with_a_disturbance_of_scans_on_black_and_stays_in_scale(name):
    real, held_out = features(scans(40, 0)), scans(40, 1)

    def distance(images):
        return kernel_distance(
            *(standardised(x, real, texture()) for x in (real, features(images)))
        )

    reference = between_halves(
        kernel_distance, standardised(real, real, texture()), np.zeros(len(real))
    )
    values = [distance(held_out)]
    assert values[0] < reference.high + 0.1
    for strength in (0.4, 0.8, 1.6):
        changed = DISTURBANCES[name](held_out, strength, np.random.default_rng(2))
        values.append(distance(changed))
    assert (np.diff(values) > 0).all()
    assert values[-1] < 1000  # divided by the deviation alone it is above 10,000


def test_the_families_are_all_sixty_features_in_their_order():
    extractor = texture()
    assert (
        sum(TEXTURE_FAMILIES)
        == extractor.function(np.zeros((1, 32, 32, 1), "uint8")).shape[1]
        == 60
    )
    image = np.random.default_rng(0).integers(0, 200, (1, 32, 32, 1)).astype("uint8")
    before, after = extractor.function(image)[0], extractor.function(image + 40)[0]
    assert after[-8] - before[-8] == pytest.approx(40, abs=1e-3)
    assert after[-7] == pytest.approx(before[-7], abs=1e-3)
    np.testing.assert_allclose((after - before)[-6:-1], 40, atol=1e-3)
    assert after[-1] == pytest.approx(before[-1], abs=1e-3)
    lbp = before[15:43]
    assert lbp[:10].sum() == pytest.approx(1) and lbp[10:].sum() == pytest.approx(1)


def test_a_deviation_is_at_least_that_of_its_family():
    rng = np.random.default_rng(0)
    reference = np.stack([rng.normal(5, 2, 500), np.full(500, 7.0), rng.normal(0, 3, 500)], 1)
    deviations = reference.std(0)
    shared = np.sqrt((deviations[0] ** 2 + 0) / 2)
    shown = np.array([[9.0, 8.0, -3.0]])
    expected = np.arcsinh((shown - reference.mean(0)) / [deviations[0], shared, deviations[2]])
    np.testing.assert_allclose(standardised(shown, reference, FAMILIES), expected, rtol=1e-6)


def test_a_family_that_never_varies_counts_as_it_is():
    reference = np.full((4, 3), 2.0)
    values = standardised(np.array([[2.0, 3.0, 0.0]]), reference, FAMILIES)
    np.testing.assert_allclose(values, np.arcsinh([[0.0, 1.0, -2.0]]))
    assert np.isfinite(values).all()


def test_features_without_families_stay_as_they_are():
    plain = Extractor("plain", "0", lambda images: images)
    shown = np.random.default_rng(0).normal(size=(3, 2))
    assert standardised(shown, shown + 1, plain) is shown
