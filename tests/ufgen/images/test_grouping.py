"""Groups: joined by the pictures they share, and ranked for nested fractions."""

import numpy as np
import pandas as pd
import pytest
from image_tables import changed, grouped, patients, six

from ufgen.images import grouping


def test_same_pictures_share_a_group():
    images = grouped(30)
    images = changed(images, sha256=images.table["sha256"].mask(np.isin(range(30), [0, 7]), "same"))
    joined = grouping.group_same_pictures(images).table["group"]
    assert joined[0] == joined[7]


def test_pictures_join_groups_through_others():
    images = six(sha256=[*"abbccd"], group=["z", "y", "x", "x", "w", "v"])
    joined = grouping.group_same_pictures(images).table["group"].tolist()
    assert joined == ["z", "w", "w", "w", "w", "v"]
    assert images.table["group"].tolist() == ["z", "y", "x", "x", "w", "v"]


def test_shares_of_groups_are_nested_whatever_the_row_order():
    images = grouped()
    ranks = grouping.group_ranks(images, 3)
    by_group = pd.Series(ranks).groupby(images.table["group"].to_numpy()).nunique()
    assert (by_group == 1).all() and ranks.min() == 0 and ranks.max() < 1
    for label in images.classes:
        groups = images.table["group"][images.table["label"] == label]
        kept = groups[ranks[images.table["label"] == label] < 0.25].nunique()
        assert kept == np.ceil(0.25 * groups.nunique())
    order = np.random.default_rng(5).permutation(len(images))
    assert (grouping.group_ranks(images.select(order), 3) == ranks[order]).all()


def test_ranks_of_a_group_follow_its_most_frequent_class():
    labels = ["UF", "UF", "NUF", "NUF", "NUF", "UF"]
    ranks = grouping.group_ranks(six(label=labels, group=[*"aaabcd"]), 0)
    assert sorted(ranks[[2, 5]]) == [0, 0.5] and sorted(ranks[[3, 4]]) == [0, 0.5]
    orders = {tuple(grouping.group_ranks(six(), seed)) for seed in range(20)}
    assert len(orders) > 5


def test_ranks_are_evenly_spread_over_the_groups_of_each_class():
    images = patients([1, 2, 3, 1, 2, 3, 1], "aaaabbb")
    ranks = pd.Series(grouping.group_ranks(images, 4)).groupby(images.table["group"]).first()
    assert sorted(ranks[:4]) == [0, 0.25, 0.5, 0.75]
    assert sorted(ranks[4:]) == pytest.approx([0, 1 / 3, 2 / 3])
    assert grouping.group_ranks(images, 4).dtype == float
