"""Filters: the limits, the reasons, and which images are dropped."""

import numpy as np
import pytest

from ufgen.errors import UserError
from ufgen.fidelity.memorization import find_copies
from ufgen.fidelity.prdc import precision_recall_density_coverage, squared_knn_radii
from ufgen.synthesis import filters


def points(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (count, 3))


def test_agreement_keeps_its_own_class_from_one_half_on():
    table = filters.by_agreement(np.array([0.49, 0.5, 0.51]))
    assert table["keep"].tolist() == [False, True, True]
    assert table["limit"].tolist() == [0.5] * 3 and table["score"].tolist() == [0.49, 0.5, 0.51]
    assert table["reason"].tolist() == [
        "a classifier of the training images takes it for another class",
        "",
        "",
    ]


def test_the_discriminator_keeps_four_fifths_of_each_class():
    scores = np.concatenate([np.arange(10.0), 100 + np.arange(20.0)])
    labels = np.repeat(["a", "b"], [10, 20])
    table = filters.by_discriminator(scores, labels)
    assert table["keep"].tolist() == [False] * 2 + [True] * 8 + [False] * 4 + [True] * 16
    assert table["limit"].unique().tolist() == pytest.approx([1.8, 103.8])
    assert set(table["reason"]) == {"", "the discriminator scores it among the lowest"}


def test_the_manifold_is_the_nearest_of_the_balls():
    real, synthetic = points(40, 0), points(30, 1, 1.0)
    table = filters.by_manifold(synthetic, real, k=3)
    radius = np.sort(np.linalg.norm(real[:, None] - real, axis=-1), 1)[:, 3]
    expected = (np.linalg.norm(synthetic[:, None] - real, axis=-1) / radius).min(1)
    np.testing.assert_allclose(table["score"], expected)
    np.testing.assert_array_equal(table["keep"], expected <= 1)
    assert table["keep"].nunique() == 2 and (table["limit"] == 1).all()
    assert set(table["reason"]) == {"", "it lies away from all training images"}
    with pytest.raises(UserError, match="more than 5 training images: 5"):
        filters.by_manifold(synthetic, real[:5])
    assert len(filters.by_manifold(synthetic, real[:6])) == 30


def test_the_manifold_of_identical_images_holds_them_alone():
    same = np.ones((8, 3))
    table = filters.by_manifold(np.stack([np.ones(3), np.zeros(3)]), same)
    assert table["keep"].tolist() == [True, False]


def test_radii_over_several_blocks():
    features = points(600, 2)
    distances = np.sort(np.linalg.norm(features[:, None] - features, axis=-1), 1)
    np.testing.assert_allclose(squared_knn_radii(features, 5), distances[:, 5] ** 2)


def test_five_neighbours_need_six_images():
    few, many = points(5, 0), points(6, 1)
    assert np.isnan(list(precision_recall_density_coverage(many, few).values())).all()
    assert np.isnan(list(precision_recall_density_coverage(few, many).values())).all()
    assert np.isfinite(list(precision_recall_density_coverage(many, many).values())).all()


def test_copies_are_dropped_by_their_correlation():
    train = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 1)).astype("uint8")
    fresh = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 1)).astype("uint8")
    copies = find_copies(np.concatenate([train[:2], fresh]), train)
    table = filters.by_copies(copies)
    assert table["keep"].tolist() == [False, False, True, True, True]
    assert (table["limit"] == copies.threshold).all()
    assert table["score"].tolist() == copies.table["correlation"].tolist()
    assert set(table["reason"]) == {"", "it is a copy of a training image"}


def test_what_was_dropped_is_recorded_in_columns():
    labels = np.array(["a", "a", "b"])
    tables = {"agreement": filters.by_agreement(np.array([0.1, 0.9, 0.8]))}
    tables["discriminator"] = filters.by_discriminator(np.array([1.0, 2.0, 3.0]), labels)
    keep, dropped = filters.apply(tables, labels)
    assert keep.tolist() == [False, True, True]
    assert list(dropped.columns) == ["row", "filter", "score", "limit", "reason"]
    assert dropped["row"].tolist() == [0, 0]
    assert dropped["filter"].tolist() == ["agreement", "discriminator"]
    keep, dropped = filters.apply({}, labels)
    assert keep.all() and list(dropped.columns) == ["row", "filter", "score", "limit", "reason"]
    with pytest.raises(UserError, match="the filter agreement leaves no image of the class b"):
        filters.apply({"agreement": filters.by_agreement(np.array([0.9, 0.9, 0.1]))}, labels)
