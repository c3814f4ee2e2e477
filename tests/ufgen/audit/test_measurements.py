from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ufgen.audit import measurements
from ufgen.errors import UserError
from ufgen.images import image_set

LONG = "/" + 300 * "x" + ".png"  # longer than file systems allow


@pytest.fixture
def images(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("UFGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(measurements, "CHUNK", 5)
    return image_set.scan(folder)


def measure_mean(path, picture):
    return {"brightness": float(picture.mean()), "name": path[-5:]}


def test_each_row_is_of_its_image(images, monkeypatch):
    monkeypatch.setattr(measurements, "measured", lambda: (measure_mean,))
    found = measurements.measure(images)
    pictures = [np.asarray(Image.open(path)) for path in images.table["path"]]
    assert found.table["brightness"].tolist() == pytest.approx([p.mean() for p in pictures])
    assert found.table["name"].tolist() == [path[-5:] for path in images.table["path"]]
    expected = [measurements.thumbnail(picture) for picture in pictures]
    assert (found.thumbnails == np.stack(expected)).all()
    assert found.arrays["features"].shape == (len(images), 60)
    assert found.images.table["sha256"].str.len().eq(64).all()


def test_what_is_measured_is_not_measured_again(images, monkeypatch):
    seen = []

    def spy(path, picture):
        seen.append(path)
        if len(seen) == 8:
            raise KeyboardInterrupt
        return {"n": 1}

    monkeypatch.setattr(measurements, "measured", lambda: (spy,))
    with pytest.raises(KeyboardInterrupt):
        measurements.measure(images)
    assert len(seen) == 8
    measurements.measure(images)
    paths = list(images.table["path"])
    assert seen[8:] == paths[5:]  # the first chunk of five was finished
    Image.fromarray(np.full((40, 40), 9, "uint8")).save(paths[-1])
    del seen[:]
    measurements.measure(images)
    assert seen == paths[15:]  # only the chunk of the changed file


def test_unreadable_images_are_named_and_the_rest_goes_on(images):
    paths = list(images.table["path"])
    for path in (paths[2], paths[7]):
        Path(path).write_bytes(b"no image")
    found = measurements.measure(images)
    assert list(found.quarantine["path"]) == [paths[2], paths[7]]
    assert (found.quarantine["reason"] != "").all()
    assert len(found.images) == len(found.thumbnails) == len(found.table) == len(paths) - 2
    kept = [path for path in paths if path not in (paths[2], paths[7])]
    assert list(found.images.table["path"]) == kept


def test_none_readable_is_an_error(images):
    for path in images.table["path"]:
        Path(path).write_bytes(b"")
    with pytest.raises(UserError, match="none of the 18 images could be read"):
        measurements.measure(images)


def test_worker_processes_measure_the_same(images, monkeypatch, tmp_path):
    here = measurements.measure(images)
    monkeypatch.setenv("UFGEN_CACHE", str(tmp_path / "other"))
    monkeypatch.setattr(measurements, "FEW", 1)
    monkeypatch.setattr(measurements.os, "cpu_count", lambda: 2)
    there = measurements.measure(images)
    assert here.table.equals(there.table) and (here.thumbnails == there.thumbnails).all()
    assert (here.arrays["features"] == there.arrays["features"]).all()


def test_a_file_that_cannot_be_opened_is_named_and_the_rest_goes_on(images):
    table = images.table.assign(path=images.table["path"].replace(images.table["path"][3], LONG))
    found = measurements.measure(replace(images, table=table))
    assert list(found.quarantine["path"]) == [LONG] and len(found.images) == len(images) - 1
    assert "too long" in found.quarantine["reason"][0]
