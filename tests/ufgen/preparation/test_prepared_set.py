"""Prepared sets: originals untouched, every picture traced, finished ones not made again."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ufgen.errors import UserError
from ufgen.images import image_set
from ufgen.images.decoding import decode
from ufgen.preparation import prepared_set
from ufgen.preparation.drop_list import read_drop_list
from ufgen.preparation.prepared_set import write_prepared_set
from ufgen.preparation.recipe import Preparation

GREY = Preparation(["grayscale"])


@pytest.fixture
def originals(tmp_path, picture):
    """A folder with two colour images of each class and split, one of them a JPEG."""
    folder = tmp_path / "set"
    for seed, (split, label) in enumerate(
        (split, label) for split in ("train", "test") for label in ("NUF", "UF")
    ):
        picture(folder / split / label / "a.png", 2 * seed, mode="RGB")
        picture(folder / split / label / "b.jpg", 2 * seed + 1, mode="RGB")
    return folder


def _scan(folder):
    return image_set.scan(folder, binary=False, allow_ungrouped=True)


def _prepare(folder, out, preparation=GREY, dropped=()):
    return write_prepared_set(_scan(folder), out, preparation, dropped, show_progress=False)


def _contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_prepared_set_is_an_image_set_with_the_same_labels_and_splits(originals, tmp_path):
    before = _contents(originals)
    _prepare(originals, tmp_path / "out")
    assert _contents(originals) == before
    columns = ["label", "split", "source"]
    prepared = _scan(tmp_path / "out").table
    assert prepared[columns].equals(_scan(originals).table[columns])
    first = prepared["path"].iloc[0]
    assert decode(first).ndim == 2 and first.startswith(str(tmp_path / "out" / "images"))
    assert (tmp_path / "out" / "before_after.png").is_file()


def test_groups_and_sources_of_a_manifest_are_kept(originals, tmp_path):
    table = _scan(originals).table
    table = table.assign(group=[f"p{i // 2}" for i in range(len(table))], source="phantom")
    table[["path", "label", "split", "group", "source"]].to_csv(tmp_path / "m.csv", index=False)
    _prepare(tmp_path / "m.csv", tmp_path / "elsewhere" / "out")
    kept = pd.read_csv(tmp_path / "elsewhere" / "out" / "manifest.csv", dtype=str)
    assert list(kept["group"]) == list(table["group"]) and set(kept["source"]) == {"phantom"}


def test_every_picture_is_traced_to_its_original(originals, tmp_path):
    _prepare(originals, tmp_path / "out")
    recipe = json.loads((tmp_path / "out" / "recipe.json").read_text())
    assert recipe["steps"] == ["grayscale"] and recipe["counts"]["images"] == 8
    for name, entry in recipe["files"].items():
        original = decode(originals / entry["original"])
        expected = np.asarray(Image.fromarray(original).convert("L"))
        assert (decode(tmp_path / "out" / name) == expected).all() and len(entry["sha256"]) == 64


def test_only_what_changed_is_made_again(originals, tmp_path, picture, monkeypatch):
    out = tmp_path / "out"
    assert _prepare(originals, out).made == 8
    assert _prepare(originals, out).made == 0
    picture(originals / "train" / "UF" / "a.png", 99, mode="RGB")
    next(out.rglob("b.png")).unlink()
    assert _prepare(originals, out).made == 2
    assert _prepare(originals, out, Preparation(["sector"])).made == 8


def test_a_set_that_was_stopped_is_continued(originals, tmp_path, monkeypatch):
    made = []

    def stopping(path, target, preparation, one=prepared_set._prepare_one):
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(path)
        return one(path, target, preparation)

    with monkeypatch.context() as patched:
        patched.setattr(prepared_set, "_prepare_one", stopping)
        with pytest.raises(KeyboardInterrupt):
            _prepare(originals, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.csv").exists()
    assert _prepare(originals, tmp_path / "out").made == 5


def test_pictures_of_removed_originals_go_and_others_stay(originals, tmp_path):
    out = tmp_path / "out"
    _prepare(originals, out)
    (out / "notes.txt").write_text("mine")
    (originals / "train" / "UF" / "a.png").unlink()
    assert len(_prepare(originals, out).table) == 7
    assert not (out / "images" / "train" / "UF" / "a.png").exists()
    assert (out / "notes.txt").read_text() == "mine"


def test_two_originals_of_one_name_are_two_pictures(originals, tmp_path):
    shutil.copy(originals / "train" / "UF" / "b.jpg", originals / "train" / "UF" / "a.jpg")
    table = _prepare(originals, tmp_path / "out").table
    assert len(set(table["path"])) == 9
    assert {"images/train/UF/a.png.png", "images/train/UF/a.jpg.png"} < set(table["path"])


def test_unreadable_images_are_listed(originals, tmp_path):
    (originals / "train" / "UF" / "broken.png").write_bytes(b"no picture")
    prepared = _prepare(originals, tmp_path / "out")
    assert len(prepared.table) == 8 and len(prepared.quarantine) == 1
    assert "decoded" in prepared.quarantine["reason"].iloc[0]


@pytest.mark.parametrize("place", ["set/prepared", "set/train/UF/prepared", "set", ""])
def test_a_folder_among_the_originals_is_refused(originals, tmp_path, place):
    before = _contents(originals)
    with pytest.raises(UserError, match="elsewhere"):
        _prepare(originals, tmp_path / place)
    assert _contents(originals) == before


def test_a_folder_with_something_else_is_refused(originals, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="no prepared set"):
        _prepare(originals, tmp_path / "out")


@pytest.mark.parametrize("text", ["train/UF/a.png\n", "why,path\nblurred,train/UF/a.png\n"])
def test_dropped_images_are_left_out(originals, tmp_path, text):
    (tmp_path / "drop.csv").write_text(text)
    images = _scan(originals)
    dropped = read_drop_list(tmp_path / "drop.csv", images)
    prepared = _prepare(originals, tmp_path / "out", dropped=dropped)
    assert len(prepared.table) == 7 and "train/UF/a.png" not in set(prepared.table["original"])


def test_a_path_that_is_no_image_is_named(originals, tmp_path):
    (tmp_path / "drop.csv").write_text("path\ntrain/UF/c.png\n")
    with pytest.raises(UserError, match=r"train/UF/c\.png"):
        read_drop_list(tmp_path / "drop.csv", _scan(originals))


def test_the_command_says_what_it_made(originals, tmp_path, run_here):
    result = run_here("data", "prepare", originals, "--out", tmp_path / "out", "--mask-overlays")
    assert result.returncode == 0 and "8 made now" in result.stdout
    both = run_here(
        "data",
        "prepare",
        originals,
        "--out",
        tmp_path / "out",
        *("--mask-overlays", "--inpaint-overlays"),
    )
    assert both.returncode == 1 and "one of them" in both.stderr
