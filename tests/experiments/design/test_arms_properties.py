"""Arms: the fields a name sets, what a refusal says, and which rows are taken."""

import numpy as np
import pandas as pd
import pytest

from experiments.design import arms
from ufgen.errors import UserError
from ufgen.images.image_set import COLUMNS, ImageSet


def images(counts: dict[str, int], source: str) -> ImageSet:
    """Images whose hashes run against their paths."""
    rows = [
        (
            f"/{source}/{label}{i:02d}.png",
            label,
            "train",
            f"{label}{i}",
            source,
            f"h{99 - i}{label}",
        )
        for label, count in counts.items()
        for i in range(count)
    ]
    return ImageSet(pd.DataFrame(rows, columns=COLUMNS), "UF")


REAL = images({"NUF": 6, "UF": 3}, "real")
GENERATED = images({"NUF": 9, "UF": 5}, "synthetic")


def paths(mixed: ImageSet, source: str, label: str) -> list[str]:
    rows = mixed.table[(mixed.table["source"] == source) & (mixed.table["label"] == label)]
    return sorted(rows["path"])


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("real", {"real": True}),
        ("synthetic", {"real": False, "synthetic": 1.0}),
        ("synthetic@0.25:filtered", {"real": False, "synthetic": 0.25, "filtered": True}),
        ("real+duplicated@2", {"real": True, "duplicated": 2.0}),
        ("real+oracle@0.5+classical", {"real": True, "oracle": 0.5, "augmentation": "light"}),
        ("real+shuffled@3", {"real": True, "synthetic": 3.0, "shuffled": True}),
        ("synthetic+classical:seed", {"real": False, "synthetic": 1.0, "augmentation": "seed"}),
        ("pretrain:synthetic>real", {"real": True, "synthetic": 1.0, "pretrain": True}),
        (
            "pretrain:synthetic@0.5:filtered>real+classical:mixup",
            {
                **{"real": True, "synthetic": 0.5, "filtered": True, "pretrain": True},
                "augmentation": "mixup",
            },
        ),
    ],
)
def test_a_name_sets_these_fields_and_no_others(name, fields):
    assert arms.parse(name) == arms.Arm(name, **fields)
    assert arms.parse(name).composition == arms.Arm("", **fields)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("fake", "begins with 'fake': "),
        ("fake+synthetic@1", "begins with 'fake': "),
        ("pretrain:real>real", "begins with 'pretrain:real>real': "),
        ("pretrain:synthetic", "begins with 'pretrain:synthetic': "),
        ("real+odd@1", "has the part 'odd@1': "),
        ("real+real", "has the part 'real': "),
        ("real+synthetic@1:odd", "has the part 'synthetic@1:odd': "),
        ("real+shuffled@1:filtered", "has the part 'shuffled@1:filtered': "),
        ("real+oracle@1:x", "has the part 'oracle@1:x': "),
        ("real+oracle@1+oracle@2", "has the part 'oracle@2': "),
        ("synthetic+duplicated@1", "has the part 'duplicated@1': "),
    ],
)
def test_a_name_that_is_none_is_refused_with_all_that_would_do(name, reason):
    with pytest.raises(UserError) as refused:
        arms.parse(name)
    assert str(refused.value) == f"arm {name!r} {reason}{arms.ARM_SYNTAX}"
    assert arms.ARM_SYNTAX == (
        "expected parts joined by +, each kind once: real or synthetic first, then "
        "duplicated@RATIO, oracle@RATIO, synthetic@RATIO, synthetic@RATIO:filtered or "
        "shuffled@RATIO, classical or classical:POLICY (such as real+classical+synthetic@0.5), or "
        "pretrain:synthetic@RATIO>real"
    )


@pytest.mark.parametrize("kind", ["duplicated", "oracle", "synthetic", "shuffled"])
@pytest.mark.parametrize("ratio", ["", "@", "@0", "@0.0", "@.5", "@1.", "@-1", "@1e3", "@1@1"])
def test_a_ratio_that_is_none_is_refused_with_its_arm(kind, ratio):
    name = f"real+{kind}{ratio}"
    with pytest.raises(UserError) as refused:
        arms.parse(name)
    assert str(refused.value) == (
        f"arm {name!r} has the part {kind + ratio!r}: expected a ratio above 0, such as {kind}@1.0"
    )


def test_the_reference_of_an_arm_is_found_under_any_of_its_names():
    names = ["real", "real+classical:light", "real+oracle@1", "real+classical+synthetic@1"]
    assert arms.reference_in("real+classical+synthetic@1", names) == "real+classical:light"
    assert arms.reference_in("real+oracle@1.0+shuffled@1", names) == "real+oracle@1"
    assert arms.reference_in("synthetic", reversed(names)) == "real"
    with pytest.raises(StopIteration):
        arms.reference_in("real+duplicated@1+synthetic@1", names)


def test_tested_are_arms_with_synthetic_images_of_their_own_labels():
    tested = ["synthetic", "real+synthetic@0.1", "pretrain:synthetic>real+oracle@1"]
    others = ["real", "real+oracle@1", "real+duplicated@1", "real+shuffled@1", "real+classical"]
    assert all(arms.parse(name).tested for name in tested)
    assert not any(arms.parse(name).tested for name in others)


def test_synthetic_and_oracle_images_are_taken_from_the_first_on():
    pool = images({"NUF": 4, "UF": 4}, "pool")
    mixed = arms.compose_training_set(
        REAL, GENERATED, arms.parse("real+oracle@0.5+synthetic@1.5"), 0, pool
    )
    assert paths(mixed, "synthetic", "NUF") == [f"/synthetic/NUF{i:02d}.png" for i in range(9)]
    assert paths(mixed, "synthetic", "UF") == [f"/synthetic/UF{i:02d}.png" for i in range(5)]
    assert paths(mixed, "pool", "NUF") == [f"/pool/NUF{i:02d}.png" for i in range(3)]
    assert paths(mixed, "pool", "UF") == [f"/pool/UF{i:02d}.png" for i in range(2)]
    assert paths(mixed, "real", "NUF") == paths(REAL, "real", "NUF")
    alone = arms.compose_training_set(REAL, GENERATED, arms.parse("synthetic@0.5"), 0)
    assert set(alone.table["source"]) == {"synthetic"} and len(alone) == 5


def test_rows_are_in_the_order_of_hash_and_then_source():
    same = GENERATED.table.assign(sha256=GENERATED.table["sha256"].str.replace("h9", "h8"))
    synthetic = ImageSet(pd.concat([same[:3], REAL.table[:3].assign(source="a"), same[9:]]), "UF")
    synthetic = ImageSet(synthetic.table.reset_index(drop=True), "UF")
    table = arms.compose_training_set(REAL, synthetic, arms.parse("real+synthetic@1"), 0).table
    keys = list(zip(table["sha256"], table["source"], strict=True))
    assert keys == sorted(keys) and len({key[0] for key in keys}) < len(keys)


@pytest.mark.parametrize(("ratio", "copies"), [("0.5", 1.5), ("2", 3.0), ("1.5", 2.5)])
def test_duplicates_are_whole_copies_and_then_other_images_for_each_seed(ratio, copies):
    arm = arms.parse(f"real+duplicated@{ratio}")
    times = [
        arms.compose_training_set(REAL, None, arm, seed).table["path"].value_counts()
        for seed in range(8)
    ]
    for count in times:
        assert count.sum() == 6 * copies + int(3 * copies + 0.5)
        assert set(count) == {int(copies), int(copies + 0.5)}
    kinds = {tuple(sorted(count.items())) for count in times}
    assert len(kinds) == 1 if copies == 3 else len(kinds) > 4
    again = arms.compose_training_set(REAL, None, arm, 0).table["path"].value_counts()
    assert again.sort_index().equals(times[0].sort_index())


def test_shuffling_moves_labels_within_the_synthetic_images_only():
    mixed = arms.compose_training_set(REAL, GENERATED, arms.parse("real+shuffled@1"), 2)
    for source, moved in (("real", False), ("synthetic", True)):
        rows = mixed.table[mixed.table["source"] == source]
        assert rows["label"].value_counts().to_dict() == {"NUF": 6, "UF": 3}
        original = rows["path"].str.extract(r"/(N?UF)\d", expand=False)
        assert (original != rows["label"]).any() == moved
    assert GENERATED.table["label"].tolist() == ["NUF"] * 9 + ["UF"] * 5


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("real+synthetic@1.6", "generated", "needs 10 more images of NUF; 9 were generated"),
        ("real+oracle@1.6", "kept aside", "needs 10 more images of NUF; 9 were kept aside"),
    ],
)
def test_too_few_images_are_counted(name, source, message):
    with pytest.raises(UserError) as refused:
        arms.compose_training_set(REAL, GENERATED, arms.parse(name), 0, GENERATED)
    assert str(refused.value) == f"arm {name} {message}"


def test_counts_are_rounded_half_up_and_at_least_one():
    def of(*names, **options):
        return arms.synthetic_counts(REAL, [arms.parse(name) for name in names], **options)

    assert of("real+synthetic@0.5", "real+shuffled@0.25") == {"NUF": 3, "UF": 2}
    assert of("synthetic@0.01") == {"NUF": 1, "UF": 1}
    assert of("synthetic@1.2") == {"NUF": 7, "UF": 4}
    assert of("real+shuffled@2", "real+synthetic@9:filtered") == {"NUF": 12, "UF": 6}
    assert of("real+synthetic@9:filtered") == of("real", filtered=True) == of() == {}


def test_equal_hashes_keep_the_order_of_the_input():
    table = REAL.table.assign(sha256="same")
    mixed = arms.compose_training_set(ImageSet(table, "UF"), None, arms.parse("real"), 0)
    assert mixed.table["path"].tolist() == table["path"].tolist()
    many = images({"NUF": 60, "UF": 40}, "real")
    table = many.table.assign(sha256=np.where(np.arange(100) % 2, "a", "b"))
    mixed = arms.compose_training_set(ImageSet(table, "UF"), None, arms.parse("real"), 0)
    expected = [*table["path"][1::2], *table["path"][0::2]]
    assert mixed.table["path"].tolist() == expected
