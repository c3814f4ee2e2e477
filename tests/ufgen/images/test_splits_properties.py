"""Splits as proportions: how many groups and images each side gets, seed by seed."""

from itertools import islice

import numpy as np
import pandas as pd
import pytest
from image_tables import patients

from ufgen.images import splits
from ufgen.images.image_set import ImageSet


def groups(images: ImageSet, mask: np.ndarray, label: str) -> int:
    table = images.table[mask]
    return table["group"][table["label"] == label].nunique()


@pytest.mark.parametrize(("fraction", "a", "b"), [(0.3, 3, 2), (0.5, 5, 3), (0.04, 1, 1)])
def test_of_equal_patients_just_their_fraction_is_held_out_of_each_class(fraction, a, b):
    images, divisions = patients([2] * 16, "a" * 10 + "b" * 6), set()
    for seed in range(6):
        held = splits.hold_out(images, fraction, seed)
        assert (groups(images, held, "a"), groups(images, held, "b")) == (a, b)
        assert held.dtype == bool and held.sum() == 2 * (a + b)
        divisions.add(tuple(held))
    assert len(divisions) > 4
    assert (splits.hold_out(images, fraction, 3) == splits.hold_out(images, fraction, 3)).all()


def test_almost_all_may_be_held_out_but_one_patient_of_each_class():
    images = patients([2] * 7, "aaaabbb")
    held = splits.hold_out(images, 0.97, 0)
    assert (groups(images, ~held, "a"), groups(images, ~held, "b")) == (1, 1)


def test_each_patient_is_held_out_as_often_as_any_other():
    images = patients([2] * 10, "ababababab")
    times = np.mean([splits.hold_out(images, 0.4, seed) for seed in range(24)], axis=0)
    assert times.min() > 0.1 and times.max() < 0.75


def test_the_images_of_each_class_are_within_half_a_patient_of_their_fraction():
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 12, 30)
    images = patients(sizes, "ab" * 15)
    for seed in range(10):
        held = splits.hold_out(images, 0.25, seed)
        for label, of in (("a", sizes[::2]), ("b", sizes[1::2])):
            deviation = held[images.table["label"] == label].sum() - 0.25 * of.sum()
            assert abs(deviation) <= 0.5 * of.mean() + 1e-9
        assert abs(held.sum() - 0.25 * sizes.sum()) <= 0.5 * sizes.mean() + 1e-9


@pytest.mark.parametrize(("fraction", "held_out"), [(0.4, [True, False]), (0.5, [False, True])])
def test_a_patient_who_is_alone_of_a_kind_is_on_the_side_that_the_fractions_require(
    fraction, held_out
):
    """Classes b and c have two patients each, one of them in common, who counts for b.

    Nine patients have 18 images of class a, and one more has each of the two others: held out with
    four of the nine, these make 0.5 of class a, and without them 0.4.
    """
    images = patients([2] * 12, ["a"] * 9 + ["bc", "ab", "ac"])
    counts = pd.crosstab(images.table["group"], images.table["label"])
    assert splits._strata(counts).tolist() == [0] * 9 + [1, 1, 2]
    for seed in range(6):
        held = splits.hold_out(images, fraction, seed)[::2]
        assert held[:9].sum() == 4 and held[[9, 11]].tolist() == held_out
        assert held[10] != held[9]


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_of_equal_patients_have_just_their_fraction_and_hold_each_image_once(folds):
    images = patients([2] * 30, "a" * 15 + "b" * 15)
    divisions = set()
    for seed in range(6):
        masks = [splits.fold(images, folds, number, seed) for number in range(folds)]
        assert (np.sum(masks, axis=0) == 1).all()
        for mask in masks:
            for label in "ab":
                assert abs(groups(images, mask, label) - 15 / folds) < 1
        divisions.add(tuple(map(tuple, masks)))
    assert len(divisions) == 6


def test_folds_of_different_patients_are_within_one_patient_of_their_fraction():
    sizes = np.random.default_rng(1).integers(1, 9, 24)
    images = patients(sizes, "ab" * 12)
    for seed in range(4):
        for number in range(3):
            mask = splits.fold(images, 3, number, seed)
            for label, of in (("a", sizes[::2]), ("b", sizes[1::2])):
                deviation = mask[images.table["label"] == label].sum() - of.sum() / 3
                assert abs(deviation) <= of.mean() + 1e-9


def test_divisions_are_fifty_partitions_hardly_two_alike_and_quiet(recwarn):
    strata = np.array([0] * 6 + [1] * 5 + [2])
    samples = list(splits._divisions(strata, 3, 0))
    assert len(samples) == 50 and len({division.tobytes() for division in samples}) > 45
    for division in samples:
        assert division.shape == (3, 12) and division.dtype == bool
        assert (division.sum(axis=0) == 1).all() and (division[:, :6].sum(axis=1) == 2).all()
    first, other = (next(islice(splits._divisions(strata, 3, seed), 1)) for seed in (0, 1))
    assert (first == samples[0]).all() and (first != other).any()
    assert not recwarn.list
