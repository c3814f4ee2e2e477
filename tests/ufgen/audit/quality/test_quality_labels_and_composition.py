"""Poor images, doubtful labels and uneven composition are found; clean sets are left alone."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from ufgen.audit.measurements import Measurements
from ufgen.audit.quality import composition, image_quality, label_noise
from ufgen.fidelity.feature_extractors import texture
from ufgen.images.image_set import ImageSet

NOTHING = pd.DataFrame(columns=["path", "label", "split", "reason"])


def measured(pictures, labels=None, splits=None, groups=None, quarantine=NOTHING):
    number = len(pictures)
    paths = [f"/x/{i:04d}.png" for i in range(number)]
    images = pd.DataFrame({"path": paths, "source": "real", "sha256": paths})
    images["label"] = ["a" if i % 2 else "b" for i in range(number)] if labels is None else labels
    images["split"] = ["test" if i % 4 > 1 else "train" for i in range(number)]
    images["split"] = images["split"] if splits is None else splits
    images["group"] = [f"g{i}" for i in range(number)] if groups is None else groups
    thumbnails = np.stack(
        [np.asarray(Image.fromarray(p).convert("L").resize((64, 64))) for p in pictures]
    )
    rows = [
        {"width": p.shape[1], "height": p.shape[0], "colour": 0.0} | image_quality.measure(path, p)
        for path, p in zip(paths, pictures, strict=True)
    ]
    features = texture().function(thumbnails[..., None])
    return Measurements(
        ImageSet(images, "a"), pd.DataFrame(rows), thumbnails, {"features": features}, quarantine
    )


@cache
def speckle(number=80, seed=0):
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(number):
        noise = Image.fromarray(rng.integers(0, 256, (96, 96)).astype("uint8"))
        grey = np.asarray(noise.filter(ImageFilter.GaussianBlur(0.7)), float)
        pictures.append(np.clip(grey + rng.uniform(-20, 20), 0, 255).astype("uint8"))
    return pictures


def mask(size=96):
    drawn = np.zeros((size, size), "uint8")
    drawn[30:60, 30:60] = 255
    return drawn


def names(found):
    return {one.name: one for one in found}


def test_a_clean_set_has_no_findings():
    set_of_speckle = measured(speckle())
    assert image_quality.findings(set_of_speckle) == []
    assert composition.findings(set_of_speckle) == []


@pytest.mark.parametrize(
    ("kind", "spoilt"),
    [
        ("mask-like-images", lambda p: mask()),
        ("constant-images", lambda p: np.full_like(p, 9)),
        ("dark-images", lambda p: p // 8),
        (
            "blurred-images",
            lambda p: np.asarray(
                Image.fromarray(p).resize((24, 24)).resize((96, 96), Image.Resampling.BICUBIC)
            ),
        ),
        ("foreign-images", lambda p: np.tile(np.arange(0, 192, 2, "uint8"), (96, 1)) | (p & 31)),
    ],
)
def test_a_spoilt_image_is_found_as_what_it_is(kind, spoilt):
    pictures = [*speckle()[:-1], spoilt(speckle()[-1])]
    found = names(image_quality.findings(measured(pictures)))
    assert list(found) == [kind]
    assert list(found[kind].table["path"]) == ["/x/0079.png"]
    assert found[kind].exhibits[0].paths == ["/x/0079.png"]


def test_sharpness_hardly_depends_on_contrast_or_text():
    picture = speckle()[0]
    sharp = image_quality.measure("", picture)["sharpness"]
    faint = image_quality.measure("", picture // 4 + 80)["sharpness"]
    written = picture.copy()
    written[:6, ::2] = 255
    assert faint == pytest.approx(sharp, rel=0.15)
    assert image_quality.measure("", written)["sharpness"] == pytest.approx(sharp, rel=0.15)


@pytest.mark.parametrize(("broken", "severity"), [(2, "warning"), (10, "error")])
def test_many_unreadable_files_are_an_error(broken, severity):
    quarantine = pd.DataFrame([["/x/b.png", "a", "train", "damaged"]] * broken)
    quarantine.columns = list(NOTHING.columns)
    found = image_quality.findings(measured(speckle(), quarantine=quarantine))
    assert [(one.name, one.severity) for one in found] == [("unreadable-files", severity)]


def separable(flipped=()):
    rng = np.random.default_rng(1)
    labels = np.array(["a", "b"])[np.arange(300) % 2]
    shade = np.where(labels == "a", 0, 50) + rng.normal(0, 9, 300)
    pictures = [
        np.clip(p * 0.6 + s + 20, 0, 255).astype("uint8")
        for p, s in zip(speckle(300), shade, strict=True)
    ]
    labels[list(flipped)] = np.where(labels[list(flipped)] == "a", "b", "a")
    return measured(pictures, labels)


def test_flipped_labels_are_found_and_none_invented():
    flipped = range(0, 300, 19)
    (found,) = label_noise.findings(separable(flipped))
    hits = found.table["path"].isin([f"/x/{i:04d}.png" for i in flipped]).sum()
    assert hits >= 10 and hits >= 0.8 * found.number
    assert found.exhibits[0].paths[0] == found.table["path"].iloc[0]
    assert all(one.severity == "note" for one in label_noise.findings(separable()))


def test_labels_that_nothing_predicts_are_not_judged():
    assert label_noise.findings(measured(speckle())) == []


def test_resolutions_that_go_with_the_split_are_a_warning_and_others_a_note():
    large = [np.asarray(Image.fromarray(p).resize((128, 128))) for p in speckle()]
    by_split = [large[i] if i % 4 > 1 else p for i, p in enumerate(speckle())]
    by_neither = [large[i] if i % 8 > 3 else p for i, p in enumerate(speckle())]
    for pictures, severity in ((by_split, "warning"), (by_neither, "note")):
        found = names(composition.findings(measured(pictures)))
        assert found["mixed-resolutions"].severity == severity


def test_a_class_that_a_split_lacks_is_an_error():
    labels = ["a" if i % 4 > 1 else "b" for i in range(80)]
    found = names(composition.findings(measured(speckle(), labels)))
    assert found["missing-classes"].severity == "error"


def test_rare_classes_and_few_groups():
    labels = ["a" if i < 8 else "b" for i in range(80)]
    found = names(composition.findings(measured(speckle(), labels)))
    assert found["few-groups"].number == 8
    assert found["class-imbalance"].number == pytest.approx(0.1)


def test_prevalence_is_compared_by_groups():
    splits = ["train"] * 40 + ["test"] * 40
    labels = ["a" if i < 32 or i >= 72 else "b" for i in range(80)]
    alone = names(composition.findings(measured(speckle(), labels, splits)))
    groups = [f"{label}{split}" for label, split in zip(labels, splits, strict=True)]
    together = names(composition.findings(measured(speckle(), labels, splits, groups)))
    assert "prevalence-differs" in alone and "prevalence-differs" not in together


def test_synthetic_images_among_real_ones_and_groups_of_two_classes():
    clean = measured(speckle(), groups=[f"g{i // 2}" for i in range(80)])
    table = clean.images.table.copy()
    table.loc[3, "source"] = "synthetic"
    found = names(composition.findings(replace(clean, images=ImageSet(table, "a"))))
    assert found["synthetic-images"].severity == "error"
    assert found["mixed-groups"].severity == "note" and found["mixed-groups"].number == 40
