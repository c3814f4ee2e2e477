"""Copies: a threshold that outliers cannot raise, and tests within classes."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import mannwhitneyu

from ufgen.fidelity.closeness_test import closeness_test
from ufgen.fidelity.memorization import (
    binomial_interval,
    copy_threshold,
    find_copies,
)
from ufgen.fidelity.nearest_neighbours import nearest_by_correlation, nearest_by_features


def scenes(count: int, seed: int, smooth: float = 3.0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((count, 32, 32))
    noise = gaussian_filter(noise, (0, smooth, smooth))
    noise = noise / noise.std((1, 2), keepdims=True)
    return np.clip(110 + 40 * noise, 0, 255).astype("uint8")[..., None]


def noisy(images: np.ndarray, seed: int, amount: float = 6) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, amount, images.shape)
    return np.clip(images + noise, 0, 255).astype("uint8")


def test_one_near_duplicate_pair_hides_no_copy_and_is_reported():
    train = scenes(100, 0)
    copies = noisy(train[:40], 1)
    doubled = np.concatenate([train, noisy(train[50:51], 2, 1)])
    clean, report = find_copies(copies, train), find_copies(copies, doubled)
    assert clean.rate > 0.9 and report.rate == clean.rate
    assert not len(clean.duplicates)
    assert report.duplicates[["row", "other"]].to_numpy().tolist() == [[50, 100]]
    assert report.duplicates["correlation"].item() > 0.99
    groups = np.arange(101) % 100
    groups[100] = 50
    assert not len(find_copies(copies, doubled, groups=groups).duplicates)


def test_several_pairs_are_listed_once_the_closest_first():
    train = scenes(60, 0)
    more = np.concatenate([noisy(train[3:4], 1, 8), noisy(train[7:8], 2, 1)])
    pairs = find_copies(train[:2], np.concatenate([train, more])).duplicates
    assert pairs[["row", "other"]].to_numpy().tolist() == [[7, 61], [3, 60]]
    assert pairs["correlation"].is_monotonic_decreasing


def test_the_threshold_by_its_definition():
    assert copy_threshold(np.empty(0)) == 0.9
    assert copy_threshold(np.linspace(0.1, 0.3, 50)) == 0.9
    spread = np.tanh(np.linspace(1.0, 2.0, 101))
    assert copy_threshold(spread) == pytest.approx(np.quantile(spread, 0.99))
    tight = np.tanh(np.append(np.linspace(1.5, 1.6, 99), [4.0, 4.0]))
    z = np.arctanh(tight)
    robust = np.tanh(np.median(z) + 5 * 1.4826 * np.median(np.abs(z - np.median(z))))
    assert copy_threshold(tight) == pytest.approx(robust)
    assert 0.9 < robust < np.quantile(tight, 0.99)
    assert copy_threshold(np.ones(10)) == pytest.approx(1, abs=1e-6)


def test_different_class_proportions_are_no_sign_of_copying():
    """One class lies closer to its kind than the other; nothing is copied. Several seeds."""
    smooth, fine = 3.0, 1.5
    flagged = 0
    for seed in range(4):
        parts = [(smooth, 50), (fine, 10), (smooth, 12), (fine, 12), (smooth, 50), (fine, 50)]
        shown = [scenes(n, 100 * seed + i, s) for i, (s, n) in enumerate(parts)]
        train, held_out = np.concatenate(shown[:2]), np.concatenate(shown[2:4])
        synthetic = np.concatenate([shown[4], shown[5][:5]])
        labels = np.array(["a"] * 50 + ["b"] * 5)
        kinds = labels, np.array(["a"] * 50 + ["b"] * 10), np.array(["a"] * 12 + ["b"] * 12)
        within = find_copies(synthetic, train, held_out, labels=kinds)
        pooled = find_copies(synthetic, train, held_out)
        assert pooled.tests.loc["pixels", "p"] < 0.01
        flagged += within.copying
    assert flagged == 0


def test_the_test_within_one_class_is_mann_whitneys():
    rng = np.random.default_rng(0)
    one, other = rng.normal(0, 1, 40), rng.normal(0.5, 1, 30)
    one[:5] = other[:5] = 0.25
    expected = mannwhitneyu(
        one, other, alternative="less", use_continuity=False, method="asymptotic"
    )
    result = closeness_test(one, other, np.zeros(40), np.zeros(30))
    assert result["p"] == pytest.approx(expected.pvalue)
    assert result["probability_closer"] == pytest.approx(1 - expected.statistic / 1200)


def test_classes_are_combined_by_van_elterens_weights():
    rng = np.random.default_rng(1)
    sizes = {"a": (30, 20), "b": (8, 25)}
    parts = {k: (rng.normal(0, 1, n), rng.normal(0.3, 1, m)) for k, (n, m) in sizes.items()}
    top = bottom = wins = pairs = 0.0
    for one, other in parts.values():
        n, m = len(one), len(other)
        u = (one[:, None] > other).sum()
        top += (u - n * m / 2) / (n + m + 1)
        bottom += n * m * (n + m + 1) / 12 / (n + m + 1) ** 2
        wins, pairs = wins + (one[:, None] < other).sum(), pairs + n * m
    one, other = (np.concatenate([parts[k][i] for k in "ab"]) for i in (0, 1))
    labels = [np.repeat(["a", "b"], [sizes[k][i] for k in "ab"]) for i in (0, 1)]
    result = closeness_test(one, other, *labels)
    from scipy.stats import norm

    assert result["p"] == pytest.approx(norm.cdf(top / np.sqrt(bottom)))
    assert result["probability_closer"] == pytest.approx(wins / pairs)
    shifted = np.where(labels[0] == "b", 100, 0), np.where(labels[1] == "b", 100, 0)
    moved = closeness_test(one + shifted[0], other + shifted[1], *labels)
    assert moved == pytest.approx(result)


def test_classes_that_are_not_in_both_samples_do_not_count():
    x = np.arange(5.0)
    result = closeness_test(x, x, np.zeros(5), np.ones(5))
    assert np.isnan(result["p"]) and np.isnan(result["probability_closer"])
    same = closeness_test(np.ones(4), np.ones(6), np.zeros(4), np.zeros(6))
    assert same == {"p": 1.0, "probability_closer": 0.5}


def test_the_nearest_by_features_is_the_nearest():
    rng = np.random.default_rng(2)
    images, train = rng.normal(size=(7, 4)), rng.normal(size=(9, 4))
    distances = np.linalg.norm(images[:, None] - train, axis=-1)
    rows, nearest = nearest_by_features(images, train)
    np.testing.assert_array_equal(rows, distances.argmin(1))
    np.testing.assert_allclose(nearest, distances.min(1))
    rows, nearest = nearest_by_features(train, train, np.arange(9) // 3)
    assert (rows // 3 != np.arange(9) // 3).all()
    assert np.isinf(nearest_by_features(train, train, np.zeros(9))[1]).all()


def test_the_nearest_by_correlation_over_shifts_and_the_mirror():
    train = scenes(12, 3)
    moved = np.roll(train, (2, -1), (1, 2))
    rows, correlation, flipped = nearest_by_correlation(moved, train)
    np.testing.assert_array_equal(rows, range(12))
    assert correlation.min() > 0.999 and not flipped.any()
    rows, correlation, flipped = nearest_by_correlation(moved[:, :, ::-1], train)
    np.testing.assert_array_equal(rows, range(12))
    assert correlation.min() > 0.999 and flipped.all()
    inside = np.s_[2:30, 2:30, 0]
    other = scenes(1, 9)
    expected = max(
        np.corrcoef(picture[inside].ravel(), np.roll(one, (y, x), (0, 1))[inside].ravel())[0, 1]
        for one in train
        for picture in (other[0].astype(float), other[0, :, ::-1].astype(float))
        for y in range(-2, 3)
        for x in range(-2, 3)
    )
    assert nearest_by_correlation(other, train)[1][0] == pytest.approx(expected, abs=1e-6)
    assert nearest_by_correlation(np.full_like(other, 7), train)[1][0] == 0
    brighter = nearest_by_correlation(train // 2 + 40, train)[1]
    assert brighter.min() > 0.99


def test_images_of_one_group_are_not_compared():
    train = scenes(10, 4)
    groups = np.arange(10) // 2
    rows, correlation, _ = nearest_by_correlation(train, train, groups)
    assert (rows // 2 != groups).all() and correlation.max() < 0.99
    assert np.isneginf(nearest_by_correlation(train, train, np.zeros(10))[1]).all()


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0, 0.3085), (10, 0.6915, 1), (5, 0.187, 0.813)]
)
def test_a_proportion_has_its_exact_interval(count, low, high):
    assert binomial_interval(count, 10) == pytest.approx((low, high), abs=5e-4)


def test_the_verdict_counts_and_names_the_baseline():
    train, held_out = scenes(40, 0), scenes(40, 1)
    report = find_copies(noisy(train[:10], 3), train, held_out)
    assert (
        report.rate_above_chance
        and report.copying
        and report.verdict().startswith("copying: 10 of 10 ")
    )
    assert "unseen real images: pixels p = " in report.verdict()
    assert list(report.table.columns) == ["train_row", "correlation", "flipped", "copy"]
    features = tuple(part.reshape(len(part), -1) for part in (train[:10], train, held_out))
    report = find_copies(train[:10], train, held_out, features)
    assert (report.table["feature_distance"] < 1e-3).all()
    assert (
        report.tests.loc["features", "p"] < 1e-4
        and report.tests.loc["features", "probability_closer"] == 1
    )
    without = find_copies(
        scenes(30, 6), train, None, (scenes(30, 6).reshape(30, -1), features[1], None)
    )
    assert "these are to each other" in without.verdict()
    assert not without.rate_above_chance and not without.copying
    assert 0.01 < without.tests.loc["features", "p"] < 1
