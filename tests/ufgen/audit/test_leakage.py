"""Leakage by groups: found where a split separates patients, silent where it does not."""

import numpy as np
import pandas as pd
import pytest

from ufgen.audit import leakage
from ufgen.images.image_set import COLUMNS, UNNAMED, ImageSet


def images_of(names, split, label="a", group=None):
    table = pd.DataFrame({"path": [f"/x/{i}/{name}" for i, name in enumerate(names)]})
    unnamed = UNNAMED + table["path"]
    table = table.assign(label=label, split=split, group=unnamed if group is None else group)
    return ImageSet(table.assign(source="real", sha256="")[COLUMNS])


def only(images):
    (finding,) = leakage.findings(images)
    return finding


PATIENTS = [f"case{patient}_view{view}.png" for patient in range(20) for view in range(3)]
BY_PATIENT = ["test" if patient < 6 else "train" for patient in range(20) for _ in range(3)]
BY_IMAGE = ["test" if number % 3 == 0 else "train" for number in range(60)]


def test_named_groups_on_both_sides_are_an_error():
    group = ["p1", "p1", "p2", "p2", "p3", "p4"]
    found = only(
        images_of("abcdef", ["train", "test", "test", "test", "train", "test"], group=group)
    )
    assert (found.name, found.severity, found.number) == ("group-across-splits", "error", 1)
    assert found.table["group"].tolist() == ["p1", "p1"] and "p1" in found.title
    assert found.exhibits[0].paths == ["/x/1/b", "/x/0/a"]


def test_named_groups_kept_together_are_silent():
    numbers = [f"{number}.png" for number in range(60)]
    group = [f"p{number // 2}" for number in range(60)]
    split = np.where(np.arange(60) % 4 < 2, "train", "test")
    assert leakage.findings(images_of(numbers, split, group=group)) == []
    assert leakage.findings(images_of(PATIENTS, "", group=group)) == []


def test_images_without_a_group_are_no_group_among_others():
    group = ["p1", "p1", "", "", UNNAMED + "x", UNNAMED + "x"]
    assert (
        leakage.findings(
            images_of("abcdef", ["train", "train"] + ["train", "test"] * 2, group=group)
        )
        == []
    )


def test_groups_in_names_across_the_split_are_an_error():
    found = only(images_of([*PATIENTS, "04.png"], [*BY_IMAGE, "test"]))
    assert (found.name, found.severity) == ("proposed-group-across-splits", "error")
    assert found.number == 20 and found.title.startswith("20 of 21 test images share a case number")
    assert r"--group-pattern '^case(\d+)_' --allow-ungrouped --out split.csv" in found.advice
    assert len(found.table) == 60


def test_study_counters_are_called_so():
    names = [
        f"1.2.826.0.1.{study}.{view + 11}.jpg" for study in range(900, 920) for view in range(3)
    ]
    found = only(images_of(names, BY_IMAGE))
    assert found.title == "20 of 20 test images share a study counter with training images"
    assert "--allow-ungrouped" not in found.advice


@pytest.mark.parametrize("split", ["", BY_PATIENT])
def test_groups_in_names_that_no_split_separates_are_a_warning(split):
    found = only(images_of(PATIENTS, split))
    assert (found.name, found.severity, found.number) == ("groups-not-given", "warning", 60)
    assert "ufgen data split FOLDER --group-pattern" in found.advice


def test_numbers_that_count_each_class_are_no_groups():
    names = [f"{number}_{label}.png" for number in range(40) for label in ("UF", "NUF")]
    assert only(images_of(names, "", label=["UF", "NUF"] * 40)).name == "groups-unknown"


def test_unknown_groups_are_a_note():
    found = only(images_of([f"{n}.png" for n in range(9)], ""))
    assert (found.name, found.severity) == ("groups-unknown", "note")


def adjacent(split, count=300):
    found = leakage.findings(images_of([f"img_{n}.png" for n in range(count)], split))
    return [finding for finding in found if finding.name == "adjacent-numbers-across-splits"]


def test_a_random_split_of_consecutive_numbers_is_a_warning():
    split = np.where(np.random.default_rng(0).random(300) < 0.3, "test", "train")
    (found,) = adjacent(split)
    near = [i for i in range(300) if split[i] == "test" and "train" in split[max(i - 1, 0) : i + 2]]
    assert found.severity == "warning" and found.number == len(near)
    assert found.title.startswith(f"{len(near)} of {(split == 'test').sum()} test images")


def test_splits_by_patients_of_a_few_images_are_no_random_splits():
    for seed in range(15):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(300), rng.integers(1, 5, 300))[:300]
        assert not adjacent(np.where(rng.random(300) < 0.3, "test", "train")[patient])
        assert not adjacent(np.where(np.arange(300) < 200, "train", "test"))


def test_pairs_and_single_images_of_patients_are_no_random_split():
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(2_000), rng.integers(1, 3, 2_000))[:2_500]
    split = np.where(rng.random(2_000) < 0.3, "test", "train")[patient]
    assert not adjacent(split, len(split))


def test_six_images_are_too_few_to_tell():
    assert not adjacent(["train", "test"] * 3, 6)


def test_few_or_scattered_numbers_say_nothing():
    split = np.where(np.random.default_rng(0).random(300) < 0.3, "test", "train")
    assert not adjacent(split[:12], 12)
    scattered = images_of([f"img_{7 * n}.png" for n in range(300)], split)
    assert [finding.name for finding in leakage.findings(scattered)] == ["groups-unknown"]


def test_synthetic_images_are_of_no_patient():
    images = images_of(PATIENTS, BY_IMAGE)
    assert leakage.findings(ImageSet(images.table.assign(source="synthetic"))) == []
