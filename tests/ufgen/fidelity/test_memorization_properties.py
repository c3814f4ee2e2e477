"""Copies, the gate and the reference: limits, sentences and defaults, by hand and by others."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu, norm
from sklearn.neighbors import NearestNeighbors
from statsmodels.stats.proportion import proportion_confint

from ufgen.fidelity import gate, memorization, nearest_neighbours, real_reference
from ufgen.fidelity.closeness_test import closeness_test

RNG = np.random.default_rng


def report(low=0.0, pixels=0.5, features=0.001, copied=(True, False, False, False)):
    tests = pd.DataFrame({"pixels": {"p": pixels}, "features": {"p": features}}).T
    table = pd.DataFrame({"copy": copied})
    return memorization.CopyReport(
        table, 0.9, 0.25, low, 0.81, tests, "unseen ones", pd.DataFrame()
    )


def test_significantly_more_copies_than_one_in_twenty_are_above_chance():
    assert not report(low=1 - 0.95).rate_above_chance and report(low=0.0501).rate_above_chance
    assert report(low=0.06).copying and not report().copying
    assert report(pixels=0.0099).copying and not report(pixels=0.01).copying
    assert not report(pixels=np.nan).copying


def test_the_verdict_in_full():
    assert report().verdict() == (
        "no sign of copying: 1 of 4 synthetic images are copies (25.0%, 95 % interval 0.0% to "
        "81.0%); test for being closer to training images than unseen ones: pixels p = 0.5, "
        "features p = 0.001"
    )
    assert report(pixels=1.234e-5).verdict().startswith("copying: 1 of 4 ")
    assert "pixels p = 1.2e-05," in report(pixels=1.234e-5).verdict()


@pytest.mark.parametrize(("count", "total"), [(0, 7), (3, 40), (7, 7)])
def test_the_interval_of_a_proportion_is_clopper_and_pearsons(count, total):
    expected = proportion_confint(count, total, 0.05, method="beta")
    assert memorization.binomial_interval(count, total) == pytest.approx(expected)


@pytest.mark.parametrize("count", [5, 600])
def test_the_nearest_by_features_is_scikit_learns_also_over_blocks(count):
    images, train = RNG(0).normal(size=(count, 3)), RNG(1).normal(size=(40, 3))
    distance, row = NearestNeighbors(n_neighbors=1).fit(train).kneighbors(images)
    rows, distances = nearest_neighbours.nearest_by_features(images, train)
    assert rows.tolist() == row[:, 0].tolist() and rows.dtype.kind == "i"
    assert distances == pytest.approx(distance[:, 0])


def test_the_nearest_of_other_groups_over_blocks():
    train, groups = RNG(2).normal(size=(600, 2)), np.arange(600) // 300
    rows, distances = nearest_neighbours.nearest_by_features(train, train, groups)
    for group in (0, 1):
        others = NearestNeighbors(n_neighbors=1).fit(train[groups != group])
        expected = others.kneighbors(train[groups == group])[0][:, 0]
        assert distances[groups == group] == pytest.approx(expected, abs=1e-7)
    assert (groups[rows] != groups).all()


def noise(count: int, seed: int, size: int = 32, channels: int = 1) -> np.ndarray:
    return RNG(seed).integers(0, 256, (count, size, size, channels)).astype("uint8")


def test_images_are_compared_grey_at_32_px_within_the_border_that_shifts_need():
    train = noise(5, 0)
    large = train.repeat(3, 1).repeat(3, 2).repeat(3, 3)
    rows, correlation, _ = nearest_neighbours.nearest_by_correlation(large, train)
    assert rows.tolist() == [0, 1, 2, 3, 4] and correlation == pytest.approx(np.ones(5))
    border = train.copy()
    border[:, :2], border[:, -2:], border[:, :, :2], border[:, :, -2:] = 9, 9, 9, 9
    assert nearest_neighbours.nearest_by_correlation(border, train)[1] == pytest.approx(np.ones(5))
    border[:, 2] = 9
    assert nearest_neighbours.nearest_by_correlation(border, train)[1].max() < 0.999
    for shift, least, most in ((2, 0.99, 1.01), (3, 0, 0.3)):
        for axis in (1, 2):
            for sign in (-1, 1):
                moved = np.roll(train, sign * shift, axis)
                best = nearest_neighbours.nearest_by_correlation(moved, train)[1]
                assert (best > least).all() and (best < most).all()
    nothing = nearest_neighbours.nearest_by_correlation(train[:0], train)
    assert [len(part) for part in nothing] == [0, 0, 0]


def test_constant_images_correlate_with_nothing_and_faint_ones_as_any():
    train = noise(4, 1)
    constant = np.full((1, 32, 32, 1), 255, "uint8")
    assert nearest_neighbours.nearest_by_correlation(constant, train)[1].tolist() == [0]
    faint = constant.copy()
    faint[0, 10, 10] = 254
    assert nearest_neighbours.nearest_by_correlation(faint, faint)[1] == pytest.approx([1])


def test_a_copy_correlates_more_than_the_threshold_and_its_row_is_named():
    train, fresh = noise(30, 2), noise(6, 3)
    synthetic = np.concatenate([train[[7]], fresh, train[[11], :, ::-1]])
    result = memorization.find_copies(synthetic, train)
    assert result.table["copy"].tolist() == [True, *[False] * 6, True]
    assert result.table["train_row"].tolist()[0::7] == [7, 11]
    assert result.table["flipped"].tolist()[0::7] == [False, True]
    assert result.rate == 0.25 and result.threshold == 0.9
    assert (result.low, result.high) == memorization.binomial_interval(2, 8)
    assert result.baseline == "these are to each other"
    assert list(result.tests.index) == ["pixels"] and set(result.tests.columns) == {
        "p",
        "probability_closer",
    }
    others = nearest_neighbours.nearest_by_correlation(train, train, np.arange(30))[1]
    mine = result.table["correlation"]
    options = {"alternative": "less", "use_continuity": False, "method": "asymptotic"}
    expected = mannwhitneyu(-mine, -others, **options)
    assert result.tests.loc["pixels", "p"] == pytest.approx(expected.pvalue)
    assert result.tests.loc["pixels", "probability_closer"] == pytest.approx(
        1 - expected.statistic / 240
    )


def test_held_out_images_are_the_baseline_with_their_own_labels_and_features():
    train, held_out, synthetic = noise(12, 4), noise(9, 5), noise(8, 6)
    labels = np.arange(8) % 2, np.arange(12) % 2, np.arange(9) % 2
    features = tuple(part.reshape(len(part), -1) / 99 for part in (synthetic, train, held_out))
    result = memorization.find_copies(synthetic, train, held_out, features, None, labels)
    assert result.baseline == "unseen real images"
    far = nearest_neighbours.nearest_by_features(features[2], features[1])[1]
    near = result.table["feature_distance"].to_numpy()
    assert near == pytest.approx(nearest_neighbours.nearest_by_features(*features[:2])[1])
    assert result.tests.loc["features"].to_dict() == pytest.approx(
        closeness_test(near, far, labels[0], labels[2])
    )
    unseen = 1 - nearest_neighbours.nearest_by_correlation(held_out, train)[1]
    expected = closeness_test(
        1 - result.table["correlation"].to_numpy(), unseen, labels[0], labels[2]
    )
    assert result.tests.loc["pixels"].to_dict() == pytest.approx(expected)
    groups = np.array([*"aabbccddeeff"])
    without = memorization.find_copies(
        synthetic, train, None, (*features[:2], None), groups, labels
    )
    index = np.unique(groups, return_inverse=True)[1]
    far = nearest_neighbours.nearest_by_features(features[1], features[1], index)[1]
    assert without.tests.loc["features"].to_dict() == pytest.approx(
        closeness_test(near, far, labels[0], labels[1])
    )


def test_training_images_of_one_group_are_not_compared():
    result = memorization.find_copies(noise(3, 7), noise(4, 8), groups=np.zeros(4))
    assert result.threshold == 0.9 and np.isnan(result.tests.loc["pixels", "p"])
    assert not result.copying and not len(result.duplicates)


def test_duplicates_are_above_the_threshold_or_above_099():
    others, among = np.array([1, 0, 3, 2, 0]), np.array([0.95, 0.95, 0.992, 0.992, 0.5])
    for threshold, pairs in ((0.9, [[2, 3], [0, 1]]), (0.95, [[2, 3]]), (0.999, [[2, 3]])):
        shown = memorization._duplicates(others, among, threshold)
        assert list(shown.columns) == ["row", "other", "correlation"]
        assert shown[["row", "other"]].to_numpy().tolist() == pairs
        assert shown.index.tolist() == list(range(len(pairs)))
        assert shown["correlation"].iloc[0] == 0.992


def test_a_class_of_one_image_a_side_counts_in_the_test():
    """Class 0: 1 below 2, U = 0, its mean 1/2 and its variance 1 * 1 * 3 / 12; class 1: 3 to 2."""
    one, other = np.array([1.0, 1, 5, 3]), np.array([2.0, 4, 6])
    labels, others = np.array([0, 1, 1, 1]), np.array([0, 1, 1])
    excess = (0 - 1 / 2) / 3 + (1 - 3) / 6
    variance = 1 * 3 / 12 / 9 + 6 * 6 / 12 / 36
    expected = {"p": norm.cdf(excess / variance**0.5), "probability_closer": (1 + 5) / 7}
    assert closeness_test(one, other, labels, others) == pytest.approx(expected)


def test_the_gate_gives_its_reasons_in_full():
    def table(**rows):
        names, numbers = [n.replace("_", "-") for n in rows], list(rows.values())
        value, real = zip(*numbers, strict=True)
        return pd.DataFrame({"scope": "all", "metric": names, "value": value, "reference": real})

    failed = table(KD_texture=(12.3456, 0.1234), coverage_x=(0.0612, 0.9234), KD_x=(99.0, 0.0))
    reasons = [
        "KD-texture is 12.3, its real-vs-real reference 0.12 (limit: 5 more): their texture "
        "differs.",
        "coverage-x is 0.06, less than a third of its real-vs-real reference 0.92: most of the "
        "images compared have no synthetic one like them.",
    ]
    assert gate.failures(failed) == reasons
    assert gate.verdict(failed) == "NOT LIKE THE REAL IMAGES: " + " ".join(reasons)
    assert gate.verdict(failed, "simulated").startswith("NOT LIKE THE SIMULATED IMAGES: ")
    assert gate.verdict(table(coverage_x=(0.3, 0.9))) == (
        "fidelity gate passed: coverage and KD-texture are within their limits"
    )
    assert gate.verdict(table(KD_x=(99.0, 0.0))) == (
        "too few images to say whether they are like the real ones"
    )


def test_parts_of_a_seed_are_the_same_and_zero_is_the_default():
    labels = np.repeat([0, 1], [7, 6])
    once, again, zero = (
        [
            tuple(np.concatenate(parts))
            for parts in real_reference.stratified_splits(labels, 1.0, *seed)
        ]
        for seed in ((), (), (0,))
    )
    assert once == again == zero and len(set(once)) == 10
    thirds = list(real_reference.stratified_splits(labels, 0.5))
    assert {(len(one), len(other)) for one, other in thirds} == {(9, 4)}
    assert [
        len(list(real_reference.stratified_splits(np.zeros(5), ratio))) for ratio in (1.0, 0.5, 0.2)
    ] == [*(10, 10, 0)]
    assert real_reference.reference_over_splits([3.0, 1.0, 5.0]) == (3.0, 1.0, 5.0)
