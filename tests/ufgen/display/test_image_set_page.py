"""The page of an image set: self-contained, escaped, and complete."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from ufgen.display import image_set_page
from ufgen.images import image_set, pixel_store

HOSTILE = "<script>x & $y_{"


def picture(path, rng, size=(40, 32)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, size[::-1], dtype=np.uint8)).save(path)


def load(rows, folder, source="real", broken=True):
    """A manifest of (file, label, split) with one unreadable file, decoded."""
    rng = np.random.default_rng(0)
    lines = ["path,label,split,source"]
    for name, label, split in rows:
        picture(folder / name, rng, (40, 32) if split == "train" else (64, 48))
        lines.append(f'{name},"{label}",{split},{source}')
    if broken:
        (folder / "broken.png").write_bytes(b"not a picture")
        lines.append(f'broken.png,"{rows[0][1]}",train,{source}')
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return pixel_store.load(image_set.scan(folder / "manifest.csv", rows[0][1]), 32, 3)


def some_rows(first="UF", second="NUF"):
    return [
        (f"{split}{c}{i}.png", label, split)
        for split in ("train", "test")
        for c, label in enumerate((first, second))
        for i in range(3)
    ]


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UFGEN_CACHE", str(tmp_path / "cache"))


def page_of(decoded, out):
    path = image_set_page.write_page(decoded.images, decoded.store, decoded.quarantine, out)
    return path.read_text(encoding="utf-8")


def test_the_page_stands_alone_and_every_picture_has_a_text(tmp_path):
    text = page_of(load(some_rows(), tmp_path), tmp_path / "out")
    tags = Tags(text).tags
    sources = [a[k] for _, a in tags for k in ("src", "href") if k in a]
    assert sources and all(source.startswith("data:") for source in sources)
    assert all(a.get("alt") for tag, a in tags if tag == "img")
    assert "url(" not in text and "@import" not in text


def test_the_banner_is_there_for_phantoms_alone(tmp_path):
    real, simulated = tmp_path / "real", tmp_path / "simulated"
    banner = "these are simulated images"
    assert banner not in page_of(load(some_rows(), real), real / "out")
    assert banner in page_of(load(some_rows(), simulated, "phantom"), simulated / "out")


def test_hostile_names_stay_text(tmp_path):
    text = page_of(load(some_rows(HOSTILE), tmp_path), tmp_path / "out")
    assert "&lt;script&gt;" in text
    assert "script" not in {tag for tag, _ in Tags(text).tags}


def test_unreadable_files_are_listed_not_dropped(tmp_path):
    decoded = load(some_rows(), tmp_path)
    text = page_of(decoded, tmp_path / "out")
    assert "broken.png" in text and decoded.quarantine["reason"][0].split(":")[0] in text
    assert "unreadable files: 1" in image_set_page.summary(decoded.images, decoded.quarantine)


def test_summary_counts_images_groups_and_repeats(tmp_path):
    load(some_rows(), tmp_path, broken=False)
    for copy in ("train00.png", "train01.png"):
        (tmp_path / copy).write_bytes((tmp_path / "test12.png").read_bytes())
    decoded = pixel_store.load(image_set.scan(tmp_path / "manifest.csv", "UF"), 32, 3)
    text = image_set_page.summary(decoded.images, decoded.quarantine)
    assert len(re.findall(r"(train|test) +(UF|NUF) +3 +3", text)) == 4
    assert "positive class: UF\n" in text
    assert "exact duplicates: 2 (with conflicting labels: 1)" in text


def test_summary_names_the_classes_that_the_positive_one_is_told_from(tmp_path):
    third = [("train20.png", "cyst", "train"), ("test20.png", "cyst", "test")]
    decoded = load(some_rows() + third, tmp_path)
    text = image_set_page.summary(decoded.images, decoded.quarantine)
    assert "positive class: UF, against NUF, cyst\n" in text
    unnamed = replace(decoded.images, positive=None)
    text = image_set_page.summary(unnamed, decoded.quarantine)
    assert "positive class: none named (--positive)\n" in text


def test_an_unsplit_set_of_one_class_and_one_image_has_a_page(tmp_path):
    text = page_of(load([("a.png", "UF", "")], tmp_path, broken=False), tmp_path / "out")
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)


def test_the_page_is_the_same_each_time(tmp_path):
    decoded = load(some_rows(), tmp_path)
    assert page_of(decoded, tmp_path / "one") == page_of(decoded, tmp_path / "two")
