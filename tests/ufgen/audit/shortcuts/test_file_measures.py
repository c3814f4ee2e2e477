"""Measures of files: what is read, and what is left unknown."""

import math

import numpy as np
import pytest
from PIL import Image

from ufgen.audit.shortcuts.file_measures import measure
from ufgen.images.decoding import decode

SPECKLE = np.random.default_rng(0).integers(20, 200, (60, 80)).astype("uint8")


def test_a_jpeg_says_how_it_was_compressed(tmp_path):
    of = {}
    for name, quality in (("a", 90), ("b", 90), ("c", 60)):
        path = tmp_path / f"{name}.jpg"
        Image.fromarray(SPECKLE).save(path, quality=quality)
        of[name] = measure(str(path), decode(path))
        assert of[name]["bytes"] == path.stat().st_size and of[name]["format"] == "JPEG"
    assert of["a"]["jpeg_tables"] == of["b"]["jpeg_tables"] != of["c"]["jpeg_tables"] != ""


def test_metadata_are_named_without_what_may_name_a_patient(tmp_path):
    exif = Image.Exif()
    exif[271], exif[305], exif[270] = "GE ", "Exporter 1", "Jane Roe"
    path = tmp_path / "a.jpg"
    Image.fromarray(SPECKLE).save(path, exif=exif, comment=b"Jane Roe")
    metadata = measure(str(path), SPECKLE)["metadata"]
    assert "make GE" in metadata and "software Exporter 1" in metadata and "comment" in metadata
    assert "Jane" not in metadata
    Image.fromarray(SPECKLE).save(tmp_path / "b.png")
    assert measure(str(tmp_path / "b.png"), SPECKLE)["metadata"] == ""


@pytest.mark.parametrize("path", ["/no/archive.zip/a.jpg", __file__])
def test_what_cannot_be_read_is_unknown(path):
    found = measure(path, SPECKLE)
    assert math.isnan(found["bytes"]) and found["format"] == found["jpeg_tables"] == ""
    assert (found["width"], found["height"], found["aspect"]) == (80, 60, 80 / 60)


def test_brightness_of_the_whole_and_of_all_but_the_centre():
    picture = np.full((40, 40), 30, "uint8")
    picture[10:30, 10:30] = 130
    found = measure("", picture)
    assert (found["mean"], found["outer_mean"], found["outer_contrast"]) == (55, 30, 0)
    assert found["contrast"] == pytest.approx(picture.std())


def test_borders_side_by_side():
    picture = np.full((100, 40), 100, "uint8")
    picture[:5], picture[-5:], picture[5:-5, :1] = 0, 50, [[7]]
    picture[5:-5, 1] = 200
    found = measure("", picture)
    assert (found["border_top_mean"], found["border_bottom_mean"]) == (0, 50)
    assert found["border_right_std"] == pytest.approx(picture[:, -2:].std())
    assert found["border_left_mean"] == pytest.approx(picture[:, :2].mean())
    black = (200 + 90 + 5 * 2 * 2) / (200 * 2 + 200 * 2)
    assert found["border_black"] == pytest.approx(black)


def test_coloured_pixels_are_counted_grey_ones_are_not():
    picture = np.full((10, 10, 3), 90, "uint8")
    picture[:2] = [200, 20, 20]
    picture[5] += np.array([4, 0, 0], "uint8")
    assert measure("", picture)["colour"] == pytest.approx(0.2)
    assert measure("", picture[..., 0])["colour"] == 0


def test_large_pictures_are_measured_on_some_pixels():
    large = np.kron(SPECKLE, np.ones((20, 20), "uint8"))
    assert measure("", large)["mean"] == pytest.approx(SPECKLE.mean(), rel=1e-3)
    assert measure("", large)["height"] == 1200
