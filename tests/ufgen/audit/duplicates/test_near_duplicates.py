"""Near-duplicates: copies are found, different patients are not, and findings say what it means."""

import io
from functools import cache

import numpy as np
import pandas as pd
import pytest
from measured_images import measured
from PIL import Image

from ufgen.audit.duplicates import near_duplicates, perceptual_hashes
from ufgen.images.image_set import COLUMNS, ImageSet
from ufgen.phantom import simulate_patient

COUNT = 24
EMPTY = pd.DataFrame({"first": [], "second": []})


@cache
def patients() -> tuple[np.ndarray, ...]:
    return tuple(simulate_patient(3, i, "UF", 1, 128)[0].pixels for i in range(COUNT))


def jpeg(image):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=50)
    return Image.open(buffer)


COPIES = {
    "exact": ("exact", lambda image: image),
    "saved again": ("hash", jpeg),
    "resized": ("hash", lambda image: image.resize((64, 64), Image.Resampling.BICUBIC)),
    "mirrored": ("flipped", lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    "turned once": ("flipped", lambda image: image.transpose(Image.Transpose.ROTATE_90)),
    "turned thrice": ("flipped", lambda image: image.transpose(Image.Transpose.ROTATE_270)),
    "shifted": ("neighbour", lambda image: image.transform(image.size, 0, (1, 0, -8, 0, 1, 6))),
    "cropped": ("neighbour", lambda image: image.crop((10, 8, 122, 120))),
    "rotated": ("neighbour", lambda image: image.rotate(5, Image.Resampling.BICUBIC)),
    "turned and cropped": (
        "neighbour",
        lambda image: image.transpose(Image.Transpose.ROTATE_90).crop((10, 8, 122, 120)),
    ),
    "mirrored and rotated": (
        "neighbour",
        lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).rotate(4),
    ),
}


def find(pictures, **columns):
    return near_duplicates.find(measured(pictures, [perceptual_hashes.measure], **columns))


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_found_and_nothing_else(name):
    kind, changed = COPIES[name]
    copies = [np.asarray(changed(Image.fromarray(patients()[i]))) for i in (2, 5)]
    pairs = find([*patients(), *copies])
    assert pairs[["first", "second"]].to_numpy().tolist() == [[2, COUNT], [5, COUNT + 1]]
    assert (pairs["similarity"] > 0.6).all() and set(pairs["kind"]) == {kind}


def test_views_of_one_patient_are_different_pictures():
    views = [v.pixels for i in range(6) for v in simulate_patient(4, i, "UF", 4, 128)]
    assert find(views).empty


def test_a_common_frame_and_text_make_no_pair():
    pictures = np.stack(patients())
    pictures[:, :20], pictures[:, 110:120, 10:60] = 200, 255
    pictures[:, 20:22], pictures[:, :, :3] = 0, 90
    assert find(list(pictures)).empty


def test_images_without_any_contrast_are_no_pair_unless_equal():
    pictures = [np.full((64, 64), value, "uint8") for value in (0, 0, 9, 200)]
    pairs = find(pictures)
    assert pairs[["first", "second", "kind"]].to_numpy().tolist() == [[0, 1, "exact"]]
    assert find(pictures[:1]).empty


def test_clusters_connect_through_others():
    pairs = pd.DataFrame({"first": [0, 3], "second": [4, 4]})
    assert near_duplicates.clusters(6, pairs).tolist() == [0, 1, 2, 0, 0, 3]
    assert near_duplicates.clusters(2, EMPTY).tolist() == [0, 1]


def test_groups_that_share_a_cluster_become_one():
    images = measured(patients()[:5], group=["c", "b", "b", "a", "d"]).images
    joined = near_duplicates.joined_groups(images, np.array([0, 1, 2, 2, 3]))
    assert joined.table["group"].tolist() == ["c", "a", "a", "a", "d"]
    assert joined.table["sha256"].equals(images.table["sha256"])


def found(**columns):
    """Findings of three patients, the first of whom has a copy that is shifted."""
    copy = np.roll(patients()[0], 5, axis=1)
    pictures = [*patients()[:12], copy]
    functions = [perceptual_hashes.measure]
    findings = near_duplicates.findings(measured(pictures, functions, **columns))
    return {finding.name: finding for finding in findings}


def test_findings_across_splits_groups_and_labels():
    unsplit = found()
    assert {name: f.severity for name, f in unsplit.items()} == {
        "near-duplicates-across-groups": "error"
    }
    split = found(split=["train"] * 12 + ["test"], label=["UF"] * 12 + ["NUF"])
    assert {name: f.severity for name, f in split.items()} == {
        "near-duplicates-across-splits": "error",
        "near-duplicates-across-groups": "warning",
        "conflicting-labels": "warning",
    }
    within = found(group=["a", *"bcdefghijkl", "a"])
    assert {name: f.severity for name, f in within.items()} == {
        "near-duplicates-within-groups": "note"
    }


def test_a_finding_shows_both_images_and_the_command():
    finding = found(split=["train"] * 12 + ["test"])["near-duplicates-across-splits"]
    paths = ["/x/000000.png", "/x/000012.png"]
    assert finding.number == 2 and finding.title.startswith("2 images")
    assert finding.advice == "`ufgen data split FOLDER --grouped --out split.csv`"
    row = finding.table.iloc[0]
    assert [row["path_1"], row["path_2"]] == paths == finding.exhibits[0].paths
    assert row["splits"] == "train | test" and row["labels"] == "UF"


def test_joined_images_without_groups_are_a_named_group_and_others_are_not():
    table = pd.DataFrame(dict.fromkeys(COLUMNS, ""), index=range(3))
    images = ImageSet(table.assign(group=["path:a", "path:b", "path:c"]))
    joined = near_duplicates.joined_groups(images, np.array([0, 1, 0]))
    assert joined.table["group"].tolist() == ["same:a", "path:b", "same:a"]
