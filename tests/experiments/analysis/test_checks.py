"""The checks of a study: each passes and fails by the rule that it states."""

import pandas as pd
import pytest

from experiments.analysis import checks, image_checks
from experiments.design import study
from ufgen.images.image_set import COLUMNS, ImageSet

ARMS = ["real", "real+duplicated@1.0", "real+shuffled@1.0", "real+synthetic@1.0"]


def _study(**changes) -> study.Study:
    content = {"name": "s", "arms": ARMS, "classifiers": ["hybrid"], "seeds": [0, 1, 2, 3, 4]}
    content["generator"] = {"seeds": [0, 1, 2]}
    return study.Study(**(content | changes))


def _tables(verdicts=(), copies=0.0, unlike=("",), generators=3, groups=20):
    words = dict.fromkeys(ARMS[1:], "inconclusive") | dict(verdicts)
    row = {"reference": "real", "classifier": "all", "metric": "roc_auc", "delta": 0.03}
    row |= {"low": 0.01, "high": 0.05, "error": 0.01, "folds": 1, "generators": generators}
    row |= {"test_groups": groups, "variance_generators": 1e-5}
    row |= {"variance_seeds": 5e-5, "variance_residual": 5e-5}
    deltas = pd.DataFrame([row | {"arm": arm, "verdict": word} for arm, word in words.items()])
    area = {"value": 0.8, "low": 0.7, "high": 0.9, "beats_chance": True}
    baseline = pd.DataFrame([area | {"classifier": name} for name in ("all", "hybrid")])
    sets = pd.DataFrame({"unlike_real": list(unlike), "copies": copies})
    sets = sets.assign(**{"coverage-texture": 0.8, "coverage-texture reference": 0.9})
    trials = pd.DataFrame({"arm": ["real"], "classifier": ["hybrid"], "seed": [0]})
    return checks.StudyTables(deltas, deltas[:0], baseline, trials.assign(constant=False), sets)


def _failed(planned, tables) -> set[str]:
    return {one.name for one in checks.check(planned, tables) if not one.passed}


def test_a_sound_study_passes_every_check():
    assert _failed(_study(), _tables()) == set()


@pytest.mark.parametrize("control", ARMS[1:3])
def test_a_control_that_helps_fails_and_is_named(control):
    assert _failed(_study(), _tables({control: "helps"})) == {f"Control {control}"}


def test_synthetic_images_and_hurting_controls_fail_no_control():
    tables = _tables({"real+synthetic@1.0": "helps", "real+shuffled@1.0": "hurts"})
    assert _failed(_study(), tables) == set()


@pytest.mark.parametrize(
    ("fraction", "passed"), [(0.05, True), (0.051, False), (float("nan"), False)]
)
def test_one_copy_in_twenty_is_the_most(fraction, passed):
    failed = _failed(_study(), _tables(copies=fraction))
    assert ("Synthetic images are not copies" not in failed) == passed


@pytest.mark.parametrize(("unlike", "failed"), [(["x", ""], True), (["x", "", ""], False)])
def test_half_of_the_sets_unlike_real_ones_fail(unlike, failed):
    assert bool(checks.unlike_real(_tables(unlike=unlike).sets)) == failed
    name = "Synthetic images are like real ones"
    assert (name in _failed(_study(), _tables(unlike=unlike))) == failed


@pytest.mark.parametrize(("count", "passed"), [(1, False), (2, False), (3, True)])
def test_three_generators_are_enough(count, passed):
    planned = _study(generator={"seeds": list(range(count))})
    failed = _failed(planned, _tables(generators=count))
    assert ("Enough generators" not in failed) == passed


@pytest.mark.parametrize(("groups", "passed"), [(1, False), (9, False), (10, True)])
def test_ten_groups_in_the_class_with_fewer_are_enough(groups, passed):
    assert ("Enough test groups" not in _failed(_study(), _tables(groups=groups))) == passed


def _images(groups, hashes=None, labels=None) -> ImageSet:
    count = len(groups)
    table = pd.DataFrame({
        "path": [f"{i}.png" for i in range(count)], "label": labels or ["UF", "NUF"] * (count // 2),
        "split": "train", "group": groups, "source": "real",
        "sha256": hashes or [f"{i}" for i in range(count)],
    })  # fmt: skip
    return ImageSet(table[COLUMNS], "UF")


def _by_name(images, unreadable=0):
    quarantine = pd.DataFrame({"path": [f"{i}.png" for i in range(unreadable)]})
    return {one.name: one for one in image_checks.check_images(images, quarantine)}


def test_images_with_groups_and_one_label_each_pass():
    assert all(one.passed for one in _by_name(_images(["a", "a", "b", "b"])).values())


def test_what_is_wrong_with_images_is_counted():
    by_name = _by_name(_images(["path:0", "path:1"]), unreadable=3)
    assert not by_name["Every file could be read"].passed
    assert "3 files" in by_name["Every file could be read"].text
    assert "No groups were given" in by_name["Groups are given"].text
    some = _by_name(_images(["path:0", "a"]))["Groups are given"]
    assert not some.passed and some.text.startswith("1 images have no group")
    twice = _by_name(_images(["a", "b"], hashes=["same", "same"]))["No picture has two labels"]
    assert not twice.passed and twice.text.startswith("1 images")
    alike = _images(["a", "b"], hashes=["same", "same"], labels=["UF", "UF"])
    assert _by_name(alike)["No picture has two labels"].passed


def test_failed_trials_fail_with_their_sentences():
    (fine,), (failed,) = (
        image_checks.check_trials([]),
        image_checks.check_trials(["2 trials failed."]),
    )
    assert fine.passed and not failed.passed and failed.text == "2 trials failed."
