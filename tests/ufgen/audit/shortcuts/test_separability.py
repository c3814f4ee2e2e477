"""The small model of the probes: its areas, intervals and permutations."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from ufgen.audit.shortcuts import separability as module
from ufgen.audit.shortcuts.probe_basis import hats, indicators
from ufgen.audit.shortcuts.separability import separability


def sample(count, seed, slope=0.0, of_group=1):
    rng = np.random.default_rng(seed)
    groups = np.array([f"g{i // of_group}" for i in range(count)])
    target = rng.integers(0, 2, count // of_group + 1).repeat(of_group)[:count]
    return slope * target + rng.normal(0, 1, count), np.where(target, "a", "b"), groups


def test_held_out_scores_are_those_of_a_ridge_regression_of_the_other_groups():
    values, labels, groups = sample(200, 0, 1.0, of_group=4)
    basis = hats(values, 6)
    found = separability(basis, labels, groups, ["a"])
    labels, groups, basis = labels[found.rows], groups[found.rows], basis[found.rows]
    assert sorted(found.rows) == list(range(200))
    assert found.auc == pytest.approx(roc_auc_score(labels == "a", found.scores))
    folds = module._folds(np.unique(groups, return_inverse=True)[1], np.random.default_rng(0))
    assert len({(g, f) for g, f in zip(groups, folds, strict=True)}) == 50
    target = (labels == "a").astype(float)
    scores = module._held_out(basis, module._smoothers(basis, np.sort(folds)), target[:, None])[
        :, 0
    ]
    for fold in range(10):
        held = np.sort(folds) == fold
        model = Ridge(module.RIDGE).fit(basis[~held], target[~held])
        expected = model.predict(basis[held]) - target[~held].mean()
        assert scores[held] == pytest.approx(expected, abs=1e-6)


def test_intervals_hold_the_true_area():
    inside = 0
    for seed in range(200):
        values, labels, _ = sample(60, seed, 1.0)
        low, high = module._interval((labels == "a").astype(float), values, np.arange(60))
        inside += low <= 0.7602 <= high
    assert 180 <= inside <= 199


def test_intervals_are_wider_where_groups_hold_alike_images():
    values, labels, _ = sample(100, 0, 1.0)
    target, four = (labels == "a").astype(float), np.arange(100).repeat(4)
    once = module._interval(target, values, np.arange(100))
    copied = module._interval(target.repeat(4), values.repeat(4), four)
    assert copied == pytest.approx(once, abs=0.01)


def test_perfect_separation_has_an_interval_too():
    low, high = module._interval(np.repeat([0.0, 1.0], 6), np.arange(12.0), np.arange(12))
    assert high == 1 and low == pytest.approx(0.025 ** (1 / 6))


def test_chance_is_as_often_reached_as_it_says():
    values = [
        separability(hats(v, 5), y, g, ["a"]).p for v, y, g in (sample(60, s) for s in range(150))
    ]
    assert 0.01 < np.mean(np.array(values) < 0.1) < 0.19


def test_groups_of_alike_images_are_permuted_as_a_whole():
    small = 0
    for seed in range(60):
        _, labels, groups = sample(200, seed, of_group=10)
        values = np.random.default_rng(seed + 1000).normal(size=20).repeat(10)
        small += separability(hats(values, 8), labels, groups, ["a"]).p < 0.05
    assert small <= 8


def test_large_sets_are_sampled_by_whole_groups():
    values, labels, groups = sample(9_000, 0, of_group=3)
    found = separability(hats(values, 8), labels, groups, ["a"])
    assert 2_500 <= len(found.rows) <= 3_000
    _, counts = np.unique(groups[found.rows], return_counts=True)
    assert (counts == 3).all()


def test_rare_classes_are_kept_when_sampled():
    values = np.zeros(20_000)
    labels = np.where(np.arange(20_000) % 500 == 0, "a", "b")
    rows = separability(
        hats(values + np.arange(20_000), 8), labels, np.arange(20_000).astype(str), ["a"]
    ).rows
    assert (labels[rows] == "a").sum() == 40


def test_hats_are_a_partition_of_one_and_know_the_unknown():
    values = np.append(np.random.default_rng(0).normal(size=99), np.nan)
    columns = hats(values, 7)
    assert columns.sum(axis=1) == pytest.approx(np.ones(100))
    assert columns.shape == (100, 8) and columns[-1].tolist() == [0] * 7 + [1]
    assert (hats(np.exp(values), 7) == columns).all()


def test_few_values_and_categories_are_indicators():
    assert hats(np.array([5.0, 5, 9, np.nan]), 3).sum(axis=0).tolist() == [2, 1, 1]
    assert indicators(np.array([*"aaabbbxyz"])).sum(axis=0).tolist() == [3, 3, 3]
