"""Splits: groups stay whole, classes in proportion, and leaks are named."""

import numpy as np
import pandas as pd
import pytest

from ufgen import imageset, pixels, splits
from ufgen.errors import UserError


def _grouped(count=200, seed=0):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, count // 3, count)
    table = pd.DataFrame({"path": [f"/x/{i}.png" for i in range(count)]})
    table = table.assign(label=np.where(group % 3 == 0, "UF", "NUF"), split="", source="real")
    table = table.assign(group=[f"g{g}" for g in group], sha256=table["path"])
    return imageset.ImageSet(table[imageset.COLUMNS], "UF")


@pytest.mark.parametrize("fraction", [0.2, 0.3])
def test_hold_out_keeps_groups_whole_and_classes_in_proportion(fraction):
    images = _grouped()
    held = splits.hold_out(images, fraction, 1)
    assert not set(images.table["group"][held]) & set(images.table["group"][~held])
    for target in (0, 1):
        share = held[images.targets() == target].mean()
        assert abs(share - fraction) < 0.04


def test_hold_out_depends_on_the_seed_and_not_on_row_order():
    images = _grouped()
    held = splits.hold_out(images, 0.3, 1)
    order = np.random.default_rng(5).permutation(len(images))
    assert (splits.hold_out(images.select(order), 0.3, 1) == held[order]).all()
    assert (splits.hold_out(images, 0.3, 2) != held).any()


def test_hold_out_needs_two_groups_a_class():
    images = _grouped()
    images.table.loc[images.targets() == 1, "group"] = "one"
    with pytest.raises(UserError, match="at least two"):
        splits.hold_out(images, 0.3, 0)


def test_same_pictures_share_a_group():
    images = _grouped(30)
    images.table.loc[[0, 7], "sha256"] = "same"
    joined = splits.group_same_pictures(images).table["group"]
    assert joined[0] == joined[7]


def test_leak_is_named(folder):
    images = pixels.load(imageset.scan(folder), 32).images
    with pytest.raises(UserError, match="UF_test_p0_0"):
        splits.check_no_leak(images.table, images.split("test"), by="the generator")
    splits.check_no_leak(images.split("train").table, images.split("test"), by="the generator")


def test_shares_of_groups_are_nested_whatever_the_row_order():
    images = _grouped()
    ranks = splits.group_ranks(images, 3)
    by_group = pd.Series(ranks).groupby(images.table["group"].to_numpy()).nunique()
    assert (by_group == 1).all() and ranks.min() == 0 and ranks.max() < 1
    for label in images.classes:
        groups = images.table["group"][images.table["label"] == label]
        kept = groups[ranks[images.table["label"] == label] < 0.25].nunique()
        assert kept == np.ceil(0.25 * groups.nunique())
    order = np.random.default_rng(5).permutation(len(images))
    assert (splits.group_ranks(images.select(order), 3) == ranks[order]).all()
