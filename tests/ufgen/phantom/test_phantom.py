"""The phantom: repeatable, grouped, labelled, and with the statistics of speckle."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from ufgen import phantom
from ufgen.errors import UserError
from ufgen.images import image_set, splits
from ufgen.phantom import scan
from ufgen.phantom.patient import LARGE_FROM


def test_exact_counts_classes_groups_and_source(phantoms):
    images = image_set.scan(phantoms)
    counts = images.table["split"].value_counts()
    assert counts["train"] == 40 and counts["test"] == 24
    assert images.classes == ["NUF", "UF"] and set(images.table["source"]) == {"phantom"}
    splits.check_splits(images)
    assert images.table["group"].nunique() < len(images)


def test_same_seed_same_pixels():
    one, two = (phantom.simulate_patient(3, 5, "UF", 2, 64) for _ in range(2))
    other = phantom.simulate_patient(4, 5, "UF", 2, 64)
    assert (one[1].pixels == two[1].pixels).all()
    assert (one[1].pixels != other[1].pixels).any()
    assert (one[0].pixels != one[1].pixels).any()


@pytest.mark.parametrize("size", [32, 128])
def test_a_sector_on_black(size):
    view = phantom.simulate_patient(0, 1, "NUF", 1, size)[0]
    assert view.pixels.shape == (size, size) and view.pixels.dtype == np.uint8
    assert view.pixels[0, 0] == view.pixels[0, -1] == view.pixels[-1, 0] == 0
    assert view.lesions == []


def test_fibroids_lie_where_the_manifest_says(phantoms):
    table = pd.read_csv(phantoms / "manifest.csv")
    for row in table.to_dict("records"):
        boxes = json.loads(row["lesions"])
        assert bool(boxes) <= (row["label"] == "UF")
        assert all(0 <= x0 < x1 <= 32 and 0 <= y0 < y1 <= 32 for x0, y0, x1, y1 in boxes)


def test_fibroids_are_darker_than_the_uterus_around_them():
    inside, around = [], []
    for patient in range(40):
        view = phantom.simulate_patient(0, patient, "UF", 1, 128)[0]
        for x0, y0, x1, y1 in view.lesions:
            cx, cy, r = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2
            y, x = np.mgrid[:128, :128]
            distance = np.hypot(x - cx, y - cy)
            inside.append(view.pixels[distance < 0.6 * r].mean())
            around.append(view.pixels[(distance > 1.3 * r) & (distance < 1.8 * r)].mean())
    assert np.mean(inside) < np.mean(around) - 5


def test_speckle_is_rayleigh():
    envelope = scan.speckle(np.zeros((400, 300)), np.random.default_rng(0), 2.0, 1.5)
    assert (envelope**2).mean() == pytest.approx(1.0, rel=0.05)
    assert envelope.mean() / envelope.std() == pytest.approx(1.91, abs=0.08)


def test_written_again_only_as_it_was(tmp_path):
    phantom.write_set(tmp_path / "a", 8, 4, 32, 0, False)
    before = (tmp_path / "a" / "manifest.csv").stat().st_mtime_ns
    phantom.write_set(tmp_path / "a", 8, 4, 32, 0, False)
    assert (tmp_path / "a" / "manifest.csv").stat().st_mtime_ns == before
    with pytest.raises(UserError, match="not empty"):
        phantom.write_set(tmp_path / "a", 8, 4, 32, 1, False)


def test_three_classes_are_a_third_each_and_repeatable(sizes, tmp_path):
    images = image_set.scan(sizes, "small")
    counts = images.table.groupby("split")["label"].value_counts().unstack()
    assert counts.loc["train"].to_dict() == dict.fromkeys(("none", "small", "large"), 16)
    assert counts.loc["test"].to_dict() == dict.fromkeys(("none", "small", "large"), 8)
    splits.check_splits(images)
    assert "large_from: 0.18" in (sizes / "phantom.yaml").read_text()
    again = phantom.write_set(tmp_path / "again", 48, 24, 32, 0, False, classes=3)
    for file in sizes.rglob("*.*"):
        assert (again / file.relative_to(sizes)).read_bytes() == file.read_bytes()
    with pytest.raises(UserError, match="not empty"):
        phantom.write_set(sizes, 48, 24, 32, 0, False)


def test_sets_of_two_classes_that_were_written_before_are_known_again(phantoms):
    settings = yaml.safe_load((phantoms / "phantom.yaml").read_text())
    assert settings == {"train": 40, "test": 24, "size": 32, "seed": 0}


def test_small_and_large_are_divided_by_the_largest_fibroid_s_diameter():
    """Against the bounds of a view: slices at 0.8 to 1, axes of 1.25 at most, sectors' widths."""
    widest, narrowest = 2 * 1.12 * np.sin(0.72), 2 * 1.0 * np.sin(0.55)
    sides = {}
    for label in ("none", "small", "large"):
        views = [phantom.simulate_patient(0, p, label, 1, 64)[0] for p in range(40)]
        boxes = [[max(b[2] - b[0], b[3] - b[1]) for b in view.lesions] for view in views]
        sides[label] = np.array([max(found) for found in boxes if found])
    limit = LARGE_FROM
    assert not len(sides["none"])
    assert sides["small"].max() <= limit * 1.25**0.5 / narrowest * 64
    assert np.quantile(sides["large"], 0.1) >= 0.8 * limit / widest * 64  # the edge may cut some
    assert len(sides["small"]) > 10 and 1.4 * sides["small"].mean() < sides["large"].mean()


def test_a_patient_of_any_size_is_of_the_size_that_its_fibroid_has():
    """Where the first anatomy is of the wanted size, the patient is that of the two classes."""
    same = {}
    for label in ("small", "large"):
        pairs = [
            [phantom.simulate_patient(0, p, name, 1, 32)[0].pixels for name in ("UF", label)]
            for p in range(20)
        ]
        same[label] = np.array([(one == other).all() for one, other in pairs])
    assert (same["small"] != same["large"]).all()
    assert 4 <= same["small"].sum() <= 16


def test_sheet_shows_its_images(tmp_path):
    phantom.write_sheet(tmp_path / "s.png", 16, 32)
    with Image.open(Path(tmp_path / "s.png")) as sheet:
        assert sheet.width > 8 * 64 and sheet.height > 2 * 64
