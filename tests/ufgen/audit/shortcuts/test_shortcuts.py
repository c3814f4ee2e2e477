"""Shortcuts: planted ones are found, and nothing is accused by chance or for its meaning."""

import numpy as np
import pandas as pd
import pytest

from ufgen.audit.measurements import Measurements
from ufgen.audit.shortcuts import shortcut_findings
from ufgen.audit.shortcuts.probe_columns import name_numbers
from ufgen.images.image_set import COLUMNS, ImageSet


def measured(count=240, seed=0, labels=("NUF", "UF"), names=None, of_group=2, **columns):
    """Images of `of_group` to a group, with random measures, or the given ones by class number."""
    rng = np.random.default_rng(seed)
    group = np.arange(count) // of_group
    target = rng.permutation(group.max() + 1)[group] % len(labels)
    names = names or (lambda number, target: f"{rng.integers(1e9)}.png")
    paths = [f"/x/{labels[t]}/{names(number, t)}" for number, t in enumerate(target)]
    table = pd.DataFrame({"path": paths, "label": np.array(labels)[target], "split": ""})
    table = table.assign(group=[f"g{g}" for g in group], source="real", sha256="")
    measures = {"bytes": rng.normal(30_000, 2_000, count), "width": 800, "height": 600}
    measures |= {"outer_mean": rng.normal(60, 9, count), "outer_contrast": 20.0, "colour": 0.0}
    measures |= {name: value(target, rng) for name, value in columns.items() if name != "ring"}
    thumbnails = rng.integers(0, 255, (count, 64, 64), "uint8")
    if "ring" in columns:
        thumbnails[:, :2] = columns["ring"](target, rng)[:, None, None]
    images = ImageSet(table[COLUMNS], labels[1] if len(labels) == 2 else None)
    return Measurements(images, pd.DataFrame(measures), thumbnails, {}, pd.DataFrame())


def only(measurements):
    (finding,) = shortcut_findings.findings(measurements)
    return finding


def test_nothing_is_found_in_clean_sets():
    for seed in range(5):
        assert shortcut_findings.findings(measured(seed=seed)) == []


PLANTED = {
    "file-size": {"bytes": lambda y, rng: 30_000 + 9_000 * y + rng.normal(0, 2_000, len(y))},
    "compression": {"jpeg_tables": lambda y, rng: np.where(y == 1, "ab", "cd")},
    "metadata": {"metadata": lambda y, rng: np.where(y == 1, "software X", "")},
    "image-size": {"width": lambda y, rng: np.where(rng.random(len(y)) < 0.1, 640, 800 + y)},
    "brightness": {"outer_mean": lambda y, rng: 60 + 30 * y + rng.normal(0, 9, len(y))},
    "borders": {"ring": lambda y, rng: (90 + 60 * y).astype("uint8")},
    "overlays": {"caliper_area": lambda y, rng: y * rng.random(len(y))},
    "colour": {"colour": lambda y, rng: y * (rng.random(len(y)) < 0.9) * 0.01},
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_shortcut_is_an_error_and_the_only_one(name):
    measurements = measured(**PLANTED[name])
    found = only(measurements)
    assert (found.name, found.severity) == (f"shortcut-{name}", "error")
    assert found.number > 0.9 and f"AUC {found.number:.2f}" in found.title
    assert {"value", "label"} <= set(found.table) and set(found.table["label"]) == {"UF", "NUF"}
    labels = measurements.images.table.set_index("path")["label"]
    assert [set(labels[exhibit.paths]) for exhibit in found.exhibits] == [{"UF"}, {"NUF"}]


def test_the_regions_used_are_drawn():
    found = only(measured(**PLANTED["borders"]))
    boxes = found.exhibits[0].boxes
    assert len(boxes) == len(found.exhibits[0].paths) and (0, 0, 2 / 64, 1) in boxes[0]
    assert only(measured(**PLANTED["file-size"])).exhibits[0].boxes == []


def test_what_is_weaker_is_a_warning():
    found = only(measured(600, bytes=lambda y, rng: 0.75 * y + rng.normal(0, 1, len(y))))
    assert found.severity == "warning" and 0.6 < found.number < 0.75


def test_in_two_directions_at_once():
    def either_end(y, rng):
        return np.where(y == 1, rng.choice([-3, 3], len(y)), 0) + rng.normal(0, 1, len(y))

    assert only(measured(bytes=either_end)).number > 0.85


def test_the_worst_class_of_several_is_named():
    found = only(
        measured(labels=("a", "b", "c"), bytes=lambda y, rng: (y == 2) + rng.random(len(y)))
    )
    assert found.number > 0.95 and "c is separated from the other classes" in found.title


def test_a_group_is_no_more_than_one_case():
    """30 groups of 20 alike images each: in-group likeness is no evidence."""
    for seed in range(5):
        group_value = np.random.default_rng(seed).normal(size=30).repeat(20)
        measurements = measured(600, seed, of_group=20, bytes=lambda y, rng, v=group_value: v)
        assert shortcut_findings.findings(measurements) == []


def test_the_class_in_a_name_and_its_own_count_say_nothing():
    counts = {}

    def own_count(number, target):
        counts[target] = counts.get(target, 0) + 1
        return f"{('benign', 'malignant')[target]} ({counts[target] * (1 + target)}).png"

    measurements = measured(labels=("benign", "malignant"), names=own_count)
    assert name_numbers(measurements.images.table).shape[1] == 0
    assert shortcut_findings.findings(measurements) == []


def test_classes_numbered_one_after_the_other_say_nothing():
    measurements = measured(
        names=lambda number, target: f"p{number // 2 + 0:05d}_v{number % 2}.png"
    )
    order = measurements.images.table.sort_values(["label", "path"], kind="stable")
    renamed = order.assign(path=[f"/x/p{n // 2:05d}_v{n % 2}.png" for n in range(len(order))])
    group = [f"p{n // 2}" for n in range(len(order))]
    assert list(name_numbers(renamed.assign(group=group))) == ["number 1"]


def test_counters_of_the_classes_that_differ_are_an_error():
    rng = np.random.default_rng(1)
    found = only(
        measured(
            names=lambda n, y: f"1.2.{rng.integers(1000) + 100_000 * y}.{rng.integers(1e9)}.jpg"
        )
    )
    assert (found.name, found.severity) == ("shortcut-file-numbers", "error")


def test_the_table_has_a_row_for_each_probe_that_applies():
    rows = shortcut_findings.table(measured(100)).set_index("probe")
    assert {"file-size", "image-size", "brightness", "borders"} <= set(rows.index)
    assert "overlays" not in rows.index and "metadata" not in rows.index
    assert rows.loc["image-size", "auc"] == 0.5 and np.isnan(rows.loc["image-size", "p"])
    assert (
        rows.loc["file-size", "low"] < rows.loc["file-size", "auc"] < rows.loc["file-size", "high"]
    )
    assert (rows["n"] == 100).all()


def test_findings_take_what_was_measured():
    measurements = measured(**PLANTED["file-size"])
    assert (
        shortcut_findings.findings(measurements, shortcut_findings.table(measurements).iloc[:0])
        == []
    )


def test_too_few_images_are_not_tested():
    assert shortcut_findings.table(measured(8, of_group=1)).empty
    assert shortcut_findings.table(measured(20, labels=("a",))).empty


def test_unknown_values_are_a_level_of_their_own():
    found = only(measured(bytes=lambda y, rng: np.where(y == 1, np.nan, rng.random(len(y)))))
    assert found.number == 1 and found.severity == "error"


def test_an_error_needs_an_interval_above_chance():
    measurements = measured(**PLANTED["file-size"])
    rows = shortcut_findings.table(measurements)
    (found,) = shortcut_findings.findings(measurements, rows.assign(low=0.55))
    assert found.severity == "warning"


def test_the_most_typical_images_are_shown():
    measurements = measured(**PLANTED["file-size"])
    size = measurements.table["bytes"].set_axis(measurements.images.table["path"])
    of_class = [size[exhibit.paths] for exhibit in only(measurements).exhibits]
    assert of_class[0].min() > size.median() > of_class[1].max()


def test_the_interval_is_of_the_worst_class():
    measurements = measured(labels=("a", "b", "c"), **PLANTED["file-size"])
    measurements.table["bytes"] = measurements.images.table["label"] == "c"
    measurements.table["bytes"] = measurements.table["bytes"].astype(float)
    row = shortcut_findings.table(measurements).set_index("probe").loc["file-size"]
    assert row["class"] == "c" and row["auc"] == 1 and row["low"] > 0.9
