"""Arms: what their names mean and which images they hold."""

import numpy as np
import pandas as pd
import pytest

from experiments.design import arms
from ufgen.errors import UserError
from ufgen.images.image_set import COLUMNS, ImageSet


def _images(counts, source):
    rows = [
        (
            f"/{source}/{label}/{i:03d}.png",
            label,
            "train",
            f"{label}{i}",
            source,
            f"{source}{label}{i}",
        )
        for label, count in counts.items()
        for i in range(count)
    ]
    return ImageSet(pd.DataFrame(rows, columns=COLUMNS), "UF")


REAL = _images({"NUF": 20, "UF": 10}, "real")
SYNTHETIC = _images({"NUF": 40, "UF": 20}, "synthetic")


def _counts(images):
    return images.table.groupby(["source", "label"]).size().to_dict()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("real", {("real", "NUF"): 20, ("real", "UF"): 10}),
        ("real+duplicated@1.0", {("real", "NUF"): 40, ("real", "UF"): 20}),
        ("real+duplicated@0.5", {("real", "NUF"): 30, ("real", "UF"): 15}),
        (
            "real+classical+synthetic@0.5",
            {("real", "NUF"): 20, ("real", "UF"): 10}
            | {("synthetic", "NUF"): 10, ("synthetic", "UF"): 5},
        ),
        ("synthetic", {("synthetic", "NUF"): 20, ("synthetic", "UF"): 10}),
        ("synthetic@2", {("synthetic", "NUF"): 40, ("synthetic", "UF"): 20}),
    ],
)
def test_what_an_arm_holds(name, expected):
    assert _counts(arms.compose_training_set(REAL, SYNTHETIC, arms.parse(name), 0)) == expected


def test_whole_duplication_doubles_every_image():
    mixed = arms.compose_training_set(REAL, None, arms.parse("real+duplicated@1.0"), 0)
    assert (mixed.table["path"].value_counts() == 2).all()


def test_smaller_ratio_is_contained_in_a_larger():
    small, large = (
        set(
            arms.compose_training_set(REAL, SYNTHETIC, arms.parse(f"real+synthetic@{r}"), 0).table[
                "path"
            ]
        )
        for r in (0.5, 1.5)
    )
    assert small < large


def test_row_order_of_the_input_changes_nothing():
    order = np.random.default_rng(0).permutation(len(REAL))
    for name in ("real+duplicated@0.3", "real+synthetic@0.5"):
        one = arms.compose_training_set(REAL, SYNTHETIC, arms.parse(name), 1)
        two = arms.compose_training_set(REAL.select(order), SYNTHETIC, arms.parse(name), 1)
        pd.testing.assert_frame_equal(one.table, two.table)


def test_enough_is_generated_for_the_largest_ratio():
    parsed = [arms.parse(n) for n in ("real", "real+synthetic@0.5", "real+synthetic@1.5")]
    assert arms.synthetic_counts(REAL, parsed) == {"NUF": 30, "UF": 15}
    assert arms.synthetic_counts(REAL, parsed[:1]) == {}


@pytest.mark.parametrize(
    "name",
    [
        *("fake", "real+fake@1", "real+synthetic", "real+synthetic@0", "real+classical:odd", ""),
        *("syntheticfoo", "synthetic:odd", "real+duplicated@1+duplicated@2", "real+real"),
        *("real+classical+classical:seed", "real+oracle", "synthetic+synthetic@1"),
    ],
)
def test_unknown_arms_are_refused(name):
    with pytest.raises(UserError):
        arms.parse(name)


def test_oracle_arms_take_real_images_that_no_other_arm_sees():
    pool = _images({"NUF": 30, "UF": 30}, "other")
    mixed = arms.compose_training_set(REAL, None, arms.parse("real+oracle@1.5"), 0, pool)
    assert _counts(mixed)["other", "NUF"] == 30 and _counts(mixed)["other", "UF"] == 15
    fewer = arms.compose_training_set(REAL, None, arms.parse("real+oracle@0.5"), 1, pool)
    assert set(fewer.table["path"]) <= set(mixed.table["path"])
    with pytest.raises(UserError, match="needs 40 more images of NUF; 30 were kept aside"):
        arms.compose_training_set(REAL, None, arms.parse("real+oracle@2"), 0, pool)


def test_shuffled_labels_are_the_same_images_with_labels_at_random():
    plain = arms.compose_training_set(REAL, SYNTHETIC, arms.parse("real+synthetic@1"), 0)
    mixed = arms.compose_training_set(REAL, SYNTHETIC, arms.parse("real+shuffled@1"), 0)
    assert set(mixed.table["path"]) == set(plain.table["path"])
    assert _counts(mixed) == _counts(plain)
    labels = mixed.table.set_index("path")["label"]
    before = plain.table.set_index("path")["label"].reindex(labels.index)
    changed = (labels != before) & labels.index.str.contains("synthetic")
    assert 0.2 < changed[labels.index.str.contains("synthetic")].mean() < 0.7
    assert changed.sum() == (labels != before).sum()
    other = arms.compose_training_set(REAL, SYNTHETIC, arms.parse("real+shuffled@1"), 1)
    assert (other.table.set_index("path")["label"].reindex(labels.index) != labels).any()


def test_filtered_and_shuffled_are_read():
    arm = arms.parse("real+classical:seed+synthetic@0.5:filtered")
    assert arm.filtered and arm.tested and arm.augmentation == "seed" and arm.synthetic == 0.5
    assert not arms.parse("real+shuffled@1").tested
    arm = arms.parse("synthetic:filtered")
    assert arm.filtered and arm.synthetic == 1 and not arm.real
    arm = arms.parse("pretrain:synthetic>real+classical")
    assert arm.pretrain and arm.real and arm.synthetic == 1 and arm.augmentation == "light"
    for wrong in (
        "pretrain:real>real",
        "pretrain:synthetic",
        "real+oracle@1:filtered",
        "real+shuffled@1+synthetic@1",
        "synthetic+oracle@1",
    ):
        with pytest.raises(UserError, match="expected parts"):
            arms.parse(wrong)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("real+synthetic@0.5", "real"),
        ("real+synthetic@1.0:filtered", "real"),
        ("real+shuffled@1.0", "real"),
        ("synthetic", "real"),
        ("synthetic+classical", "real+classical"),
        ("real+duplicated@1.0", "real"),
        ("real+classical", "real"),
        ("real+classical:mixup", "real"),
        ("real+classical+synthetic@1.0", "real+classical"),
        ("real+synthetic@1.0+classical:mixup", "real+classical:mixup"),
        ("real+classical+duplicated@2", "real+classical"),
        ("real+oracle@1+synthetic@1.0", "real+oracle@1.0"),
        ("real+duplicated@1+synthetic@1", "real+duplicated@1.0"),
        ("real+oracle@1+duplicated@0.5", "real+oracle@1.0"),
        ("pretrain:synthetic@1.0>real", "real"),
        ("pretrain:synthetic@1.0>real+classical", "real+classical"),
    ],
)
def test_an_arm_is_compared_with_the_same_without_the_part_in_question(name, reference):
    parsed = arms.parse(name).reference
    assert parsed.name == reference and parsed.composition == arms.parse(reference).composition


@pytest.mark.parametrize(
    "name",
    ["real+synthetic@0", "synthetic@x", "real+oracle@0.0", "real+shuffled@-1", "real+odd@1"],
)
def test_a_wrong_part_is_named_with_its_arm(name):
    part = name.split("+")[-1]
    with pytest.raises(UserError) as refused:
        arms.parse(name)
    message = str(refused.value)
    assert message.startswith(f"arm {name!r} has the part {part!r}: expected ")
    if "odd" not in name:
        assert message.endswith(f"a ratio above 0, such as {part.split('@')[0]}@1.0")


@pytest.mark.parametrize("name", ["real+classical", "pretrain:synthetic@0.5>real", "synthetic@2"])
def test_an_arm_keeps_its_name(name):
    assert arms.parse(name).name == name
    assert arms.parse("synthetic+classical:seed").augmentation == "seed"


def test_what_is_generated_follows_the_largest_ratio_of_its_own_kind():
    parsed = [arms.parse(n) for n in ("real+synthetic@0.5", "real+synthetic@2:filtered")]
    assert arms.synthetic_counts(REAL, parsed) == {"NUF": 10, "UF": 5}
    assert arms.synthetic_counts(REAL, parsed, filtered=True) == {"NUF": 40, "UF": 20}
    assert arms.synthetic_counts(REAL, [], filtered=True) == {}
    few = arms.compose_training_set(REAL, SYNTHETIC, arms.parse("real+synthetic@0.01"), 0)
    assert _counts(few)["synthetic", "NUF"] == _counts(few)["synthetic", "UF"] == 1


def test_labels_are_shuffled_alike_for_the_same_seed():
    one, two = (
        arms.compose_training_set(REAL, SYNTHETIC, arms.parse("real+shuffled@1"), 3)
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(one.table, two.table)


def test_an_arm_that_lacks_synthetic_images_is_named():
    arm = arms.parse("real+synthetic@3")
    with pytest.raises(
        UserError, match=r"arm real\+synthetic@3 needs 60 .* NUF; 40 were generated"
    ):
        arms.compose_training_set(REAL, SYNTHETIC, arm, 0)
