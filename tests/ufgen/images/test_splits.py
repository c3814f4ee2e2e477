"""Splits: groups stay whole, classes in proportion, and leaks are named."""

import numpy as np
import pandas as pd
import pytest
from image_tables import changed, grouped, six

from ufgen.errors import UserError
from ufgen.images import image_set, pixel_store, splits


@pytest.mark.parametrize("fraction", [0.2, 0.3])
def test_hold_out_keeps_groups_whole_and_classes_in_proportion(fraction):
    images = grouped()
    held = splits.hold_out(images, fraction, 1)
    assert not set(images.table["group"][held]) & set(images.table["group"][~held])
    for target in (0, 1):
        proportion = held[images.targets() == target].mean()
        assert abs(proportion - fraction) < 0.04


def _patients(sizes, labels=("UF", "NUF")):
    """A set of patients of `sizes` images each, whose classes take turns."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    table = pd.DataFrame({"path": [f"/x/{i}.png" for i in range(len(group))]})
    table = table.assign(label=np.array(labels)[group % len(labels)], split="", source="real")
    table = table.assign(group=[f"g{g:03d}" for g in group], sha256=table["path"])
    return image_set.ImageSet(table[image_set.COLUMNS], labels[0])


def _held_groups(images, held):
    return frozenset(images.table["group"][held])


SIZES = np.random.default_rng(0).permutation([*range(1, 39), *range(5, 27)])


def test_hold_out_prefers_no_patient_for_its_size():
    images, seeds = _patients(SIZES), 200
    sizes = images.table.groupby("group").size()
    times, divisions = dict.fromkeys(sizes.index, 0), set()
    for seed in range(seeds):
        held = splits.hold_out(images, 0.2, seed)
        groups = _held_groups(images, held)
        assert 8 <= len(groups) <= 16
        assert abs(held.sum() - 0.2 * len(images)) <= sizes.mean()
        for label in images.classes:
            of_class = (images.table["label"] == label).to_numpy()
            assert abs(held[of_class].sum() - 0.2 * of_class.sum()) <= sizes.mean()
        divisions.add(groups)
        for group in groups:
            times[group] += 1
    assert len(divisions) > 0.95 * seeds
    frequencies = pd.Series(times)[sizes.sort_values().index] / seeds
    assert frequencies.min() > 0.08 and frequencies.max() < 0.32
    assert abs(frequencies[-15:].mean() - 0.2) < 0.04 and abs(frequencies[:15].mean() - 0.2) < 0.04


def test_folds_differ_by_seed_though_no_two_patients_are_of_one_size():
    images = _patients(SIZES[np.unique(SIZES, return_index=True)[1]])
    largest, divisions = images.table.groupby("group").size().max(), set()
    for seed in range(5):
        masks = [splits.fold(images, 5, number, seed) for number in range(5)]
        assert (np.sum(masks, axis=0) == 1).all()
        for mask in masks:
            assert abs(mask.sum() - len(images) / 5) <= largest
            assert {"UF", "NUF"} == set(images.table["label"][mask])
            assert not _held_groups(images, mask) & _held_groups(images, ~mask)
        divisions.add(frozenset(_held_groups(images, mask) for mask in masks))
    assert len(divisions) == 5


@pytest.mark.parametrize("divide", [splits.hold_out, lambda i, f, s: splits.fold(i, 5, 2, s)])
def test_divisions_depend_on_the_seed_and_not_on_row_order(divide):
    images = _patients(SIZES)
    held = divide(images, 0.3, 1)
    order = np.random.default_rng(5).permutation(len(images))
    assert (divide(images.select(order), 0.3, 1) == held[order]).all()
    assert (divide(images, 0.3, 2) != held).any()


def test_patients_with_images_of_both_classes_leave_each_class_on_both_sides():
    images = _patients([3, 2, 4, 2, 3, 1])
    images = changed(images, label=np.where(np.arange(len(images)) % 5 == 0, "UF", "NUF"))
    for seed in range(20):
        held = splits.hold_out(images, 0.3, seed)
        assert set(images.table["label"][held]) == {"UF", "NUF"}
        assert set(images.table["label"][~held]) == {"UF", "NUF"}


@pytest.mark.parametrize("fraction", [0.05, 0.95])
def test_two_patients_a_class_are_divided_whatever_the_fraction(fraction):
    images = _patients([2, 2, 2, 2])
    assert len(_held_groups(images, splits.hold_out(images, fraction, 0))) == 2


def test_fold_needs_as_many_groups_a_class_as_folds():
    with pytest.raises(UserError, match=r"the class NUF has 3 group\(s\) \(6 images\): 4 folds"):
        splits.fold(_patients([2] * 7), 4, 0, 0)


def test_a_class_that_cannot_be_on_both_sides_is_refused():
    images = _patients([4, 4, 4])
    labels = ["UF"] * 4 + ["NUF"] * 4 + ["UF", "NUF"] * 2
    images = changed(images, label=labels, group=["g002"] * 4 + ["g001"] * 4 + ["g002"] * 4)
    with pytest.raises(UserError, match="class UF has 1 group"):
        splits.hold_out(images, 0.3, 0)


def test_synthetic_rows_are_never_real():
    images = grouped(30)
    splits.check_real(images, "training")
    splits.check_real(changed(images, source="phantom"), "training")
    synthetic = np.isin(np.arange(30), [3, 9, 11, 12, 13, 14])
    images = changed(images, source=np.where(synthetic, "synthetic", "phantom"))
    with pytest.raises(UserError, match=r"6 of the 30 test images.*: /x/3\.png, .*13\.png \.\.\."):
        splits.check_real(images, "test")


def test_hold_out_needs_two_groups_a_class():
    images = grouped()
    groups = images.table["group"].mask(images.targets() == 1, "one")
    with pytest.raises(UserError, match="at least two"):
        splits.hold_out(changed(images, group=groups), 0.3, 0)


def test_leak_is_named(folder):
    images = pixel_store.load(image_set.scan(folder), 32).images
    with pytest.raises(UserError, match="UF_test_p0_0"):
        splits.check_no_leak(images.table, images.split("test"), by="the generator")
    splits.check_no_leak(images.split("train").table, images.split("test"), by="the generator")


def test_a_patient_seen_in_training_is_a_leak_but_an_unnamed_group_is_not():
    seen, tested = grouped(30), changed(grouped(30), sha256="other")
    with pytest.raises(UserError, match=r"same group as /x/.*another name"):
        splits.check_no_leak(seen.table, tested, by="this model")
    splits.check_no_leak(seen.table[["path", "sha256"]], tested, by="this model")
    seen, tested = (changed(images, group="path:a.png") for images in (seen, tested))
    splits.check_no_leak(seen.table, tested, by="this model")


def _refused(check, *arguments, **options) -> str:
    with pytest.raises(UserError) as error:
        check(*arguments, **options)
    return str(error.value)


def test_what_a_comparison_refuses_is_reported_in_full():
    splits.check_splits(six())
    anew = "an unbiased evaluation needs train and test. `ufgen data split FOLDER --out "
    anew += "manifest.csv` writes"
    for split, present in (("", "none"), ("test", "test")):
        message = _refused(splits.check_splits, six(split=split))
        assert message == f"found the splits {present}: {anew} a split"
    for split, where, path in (("train", "train", "x0"), ("test", "test", "x3")):
        labels = [
            "NUF" if part != split and label == "UF" else label
            for part, label in zip(six().table["split"], six().table["label"], strict=True)
        ]
        assert _refused(splits.check_splits, six(label=labels)) == (
            f"the class UF has images in {where} only (such as {path}): train and test must hold "
            "the same classes"
        )


@pytest.mark.parametrize(("column", "what"), [("sha256", "image"), ("group", "group")])
def test_what_is_on_both_sides_is_reported_in_full(column, what):
    values = ["", "b", "c", "c", "b", ""]
    assert _refused(splits.check_splits, six(**{column: values})) == (
        f"the same {what} is in train and in test (2 such): x2 and x3. Remove one side, or make a "
        "split that keeps groups together with `ufgen data split`"
    )
    train, test = (six(**{column: values}).split(name) for name in ("train", "test"))
    message = _refused(splits.check_no_leak, train.table, test, by="this model")
    relation = "of the same group as" if column == "group" else "the same image as"
    renamed = ". If the group c is another patient here, give it another name"
    assert message == (
        "this model was trained on 2 of the held-out images, or on others of their groups: x3, x4. "
        f"The first is {relation} x2, which it was trained on. Hold out images of other groups, or "
        f"train without these{renamed if column == 'group' else ''}"
    )


def test_unknown_pictures_and_unnamed_groups_are_on_no_side():
    unknown = six(sha256="", group=["path:x"] * 6)
    splits.check_splits(unknown)
    splits.check_disjoint(unknown)


def test_five_files_are_named_and_more_are_counted():
    five = _refused(splits.check_real, six(source=["real", *["synthetic"] * 5]), "real")
    assert five == (
        "5 of the 6 real images are synthetic: x1, x2, x3, x4, x5. Expected real ones (or "
        "phantom): take the rows whose source is synthetic out of the manifest; `ufgen experiment` "
        "adds synthetic images to a training set by its arms"
    )
    more = _refused(splits.check_real, six(source="synthetic"), "real")
    assert "6 of the 6 real images are synthetic: x0, x1, x2, x3, x4 .... " in more


def test_too_few_groups_are_reported_in_full():
    images = six(group=["a", "b", "b", "a", "c", "c"])
    assert _refused(splits.hold_out, images, 0.3, 0) == (
        "the class UF has 1 group(s) (2 images): a grouped split needs at least two per class"
    )
    assert _refused(splits.fold, images, 2, 0, 0) == (
        "the class UF has 1 group(s) (2 images): 2 folds need at least as many"
    )
    mixed = six(label=["UF", "NUF", "NUF", "UF", "NUF", "NUF"], group=[*"aabbcc"])
    for number in (0, 1):
        assert splits.fold(mixed, 2, number, 0).any()


def test_a_class_on_one_side_only_is_reported_in_full():
    counts = pd.DataFrame({"NUF": [1, 1], "UF": [1, 1]}, index=["a", "b"])
    draws = [np.array([[False, False]]), np.array([[True, True]])]
    assert _refused(splits._first_near, draws, counts, 0.3, 0.5) == (
        "holding out 30% leaves a class on one side only (groups by class: NUF 2, UF 2): add "
        "images or choose another fraction"
    )


def test_the_first_near_draw_counts_or_else_the_nearest():
    counts = pd.DataFrame({"a": [4, 1, 1, 3], "b": [1, 2, 2, 3]}, index=list("wxyz"))
    draws = [np.array([[c in held for c in "wxyz"]]) for held in ("wxy", "xy", "z")]
    # 0.4 of a are 3.6 of groups of 2.25; held are 6, 2 and 3: 1.07, 0.71 and 0.27 groups away
    assert splits._first_near(draws, counts, 0.4, 0.72) is draws[1]
    assert splits._first_near(draws, counts, 0.4, 0.70) is draws[2]
    assert splits._first_near(draws, counts, 0.4, 0.01) is draws[2]
    assert splits._first_near(draws[::-1], counts, 0.4, 0.72) is draws[2]
    assert splits._first_near(draws, counts, 0.8, 0.01) is draws[0]


def test_a_group_counts_for_its_rarest_class():
    counts = pd.DataFrame({"a": [1, 1, 1, 0], "b": [0, 1, 0, 3]})
    assert splits._strata(counts).tolist() == [0, 1, 0, 1]
    assert splits._strata(counts[["b", "a"]]).tolist() == [1, 0, 1, 0]
