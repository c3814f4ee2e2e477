"""The phantom: repeatable, grouped, labelled, and with the statistics of speckle."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ufgen import phantom
from ufgen.errors import UserError
from ufgen.images import image_set, splits
from ufgen.phantom import scan


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


def test_sheet_shows_its_images(tmp_path):
    phantom.write_sheet(tmp_path / "s.png", 16, 32)
    with Image.open(Path(tmp_path / "s.png")) as sheet:
        assert sheet.width > 8 * 128 and sheet.height > 2 * 128
