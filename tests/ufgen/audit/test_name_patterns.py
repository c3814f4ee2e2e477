"""Groups proposed from file names: found where names show them, and nowhere else."""

import hashlib
import uuid

import numpy as np
import pandas as pd
import pytest

from ufgen.audit.name_patterns import propose
from ufgen.images.grouping import groups_by_pattern

UID = "1.2.826.0.1.3680043.2.461"
VIEWS = [(patient, view) for patient in range(30) for view in range(1 + patient % 4)]


def uids(plain=5, seed=0):
    rng = np.random.default_rng(seed)
    counters = rng.choice(rng.integers(10_000_000, 12_000_000, 60), 300)
    names = [f"{UID}.{counter}.{rng.integers(1e9)}.jpg" for counter in counters]
    return names + [f"{number:02d}.jpg" for number in range(plain)], len(set(counters))


@pytest.mark.parametrize(
    ("form", "pattern", "groups"),
    [
        ("case{}_view{}.png", r"^case(\d+)_", 30),
        ("p{}-{}.png", r"^p(\d+)-", 30),
        ("patient_{:03d}_img_{:02d}.png", r"^patient_(\d+)_", 30),
        ("2021-03-05_p{}_{}.png", r"^2021-03-05_p(\d+)_", 30),
        ("{} ({}).png", r"^(\d+) ", 30),
    ],
)
def test_patients_in_names_are_proposed(form, pattern, groups):
    names = [form.format(patient, view) for patient, view in VIEWS]
    found = propose(names)
    assert (found.pattern, found.groups, found.largest) == (pattern, groups, 4)
    assert (found.matched, found.unmatched) == (len(VIEWS), 0)


def test_the_study_counter_of_uids_is_proposed_beside_plain_names():
    names, studies = uids(plain=5)
    found = propose(names)
    assert (found.matched, found.unmatched, found.groups) == (300, 5, studies)
    groups = groups_by_pattern(pd.Series(names), found.pattern)
    assert groups[0] == names[0].split(".")[8] and groups[-1] == ""
    assert all(name.split(".")[8] == group for group, of in found.examples for name in of)


def test_words_before_a_number_belong_to_the_group():
    names = [f"{c}_{s}_p{p}_{v}.png" for c in ("UF", "NUF") for s in ("a", "b") for p, v in VIEWS]
    found = propose(names)
    assert found.groups == 4 * 30
    assert groups_by_pattern(pd.Series(["UF_a_p2_1.png"]), found.pattern) == ["UF_a_p2"]


def test_a_name_and_its_numbered_copies_are_a_group():
    found = propose([f"IMG{n:04d}{copy}.png" for n in range(20) for copy in ("", " (2)")])
    assert (found.groups, found.matched, found.largest) == (20, 40, 2)


def test_views_that_are_words_need_no_more_numbers():
    names = [f"{n}_{side}_{view}.png" for n in range(20) for side in "LR" for view in ("CC", "MLO")]
    assert propose(names).pattern == r"^(\d+)_"


def test_a_date_is_proposed_only_where_there_is_nothing_else():
    days = [f"202103{day:02d}" for day in range(1, 21)]
    assert propose([f"{day}_{n}.png" for day in days for n in range(3)]).groups == 20
    patients = [f"{d}_p{p}_{v}.png" for d in days for p in range(3) for v in range(2)]
    assert propose(patients).groups == 60


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["a.png"],
        [f"benign ({n}).png" for n in range(200)],
        [f"benign_{n}.png" for n in range(200)] + [f"malignant_{n}.png" for n in range(100)],
        [f"{n:04d}.png" for n in range(200)] * 2,
        [f"fold{n % 3}_{n}.png" for n in range(200)],
        [f"{kind}_{n}.png" for kind in "abcdef" for n in range(30)],
        [hashlib.md5(bytes([n])).hexdigest() + ".png" for n in range(256)],
        [hashlib.md5(bytes([n])).hexdigest()[:4] + ".png" for n in range(256)],
        [str(uuid.UUID(hashlib.md5(bytes([n])).hexdigest())) + ".png" for n in range(256)],
        [f"ISIC_{n * 7919 % 100_003:07d}.jpg" for n in range(300)],
    ],
)
def test_running_numbers_classes_and_random_names_are_no_groups(names):
    assert propose(names) is None
