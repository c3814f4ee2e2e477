"""Preparations: what each step leaves of a picture, and when two are the same."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ufgen.errors import UserError
from ufgen.phantom.patient import simulate_patient
from ufgen.preparation import recipe
from ufgen.preparation.fill import inpaint
from ufgen.preparation.recipe import Preparation


@pytest.fixture(scope="module")
def original():
    """A sector on black, with a name above it and text on the tissue."""
    scan = simulate_patient(5, 3, "UF", 1, 320)[0].pixels
    image = Image.fromarray(np.pad(scan, ((80, 0), (120, 0))))
    draw = ImageDraw.Draw(image)
    draw.text((6, 8), "DOE^JANE 1.2.80", fill=255, font=ImageFont.load_default(18))
    draw.text((230, 210), "RT OVARY", fill=255, font=ImageFont.load_default(18))
    return np.array(image)


NAME = slice(10, 24), slice(6, 140)
LABEL = slice(214, 226), slice(232, 310)


def test_masked_text_is_black_and_nothing_else_is(original):
    before = original.copy()
    masked = Preparation(["mask-overlays"]).apply(original)
    assert masked[NAME].max() == 0 and masked[LABEL].max() == 0
    assert (masked[250:] == original[250:]).all() and (original == before).all()


def test_inpainted_text_is_as_bright_as_the_tissue_around_it(original):
    filled = Preparation(["inpaint-overlays"]).apply(original)
    around = np.concatenate([original[196:206, 232:310], original[236:246, 232:310]])
    assert filled[NAME].max() < 30
    assert abs(filled[LABEL].mean() - around.mean()) < 25 and filled[LABEL].max() < 220


def test_the_sector_is_cropped_and_the_name_with_it(original):
    cropped = Preparation(["sector"]).apply(original)
    scan = original[80:, 120:]
    rows, columns = np.flatnonzero((scan > 20).any(1)), np.flatnonzero((scan > 20).any(0))
    assert abs(cropped.shape[0] - len(rows)) < 20 and abs(cropped.shape[1] - len(columns)) < 20


def test_grayscale_has_no_channels():
    colour = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    grey = Preparation(["grayscale"]).apply(colour)
    assert (grey == np.asarray(Image.fromarray(colour).convert("L"))).all()


def test_no_step_changes_nothing(original):
    assert (Preparation().apply(original) == original).all()


def test_steps_are_applied_in_one_order_and_the_key_tells_them_apart():
    assert Preparation(["grayscale", "sector"]) == Preparation(["sector", "grayscale"])
    keys = {Preparation(steps).key for steps in ([], ["sector"], ["grayscale"], ["mask-overlays"])}
    assert len(keys) == 4


def test_another_version_has_another_key(monkeypatch):
    before = Preparation(["sector"]).key
    monkeypatch.setattr(recipe, "VERSION", recipe.VERSION + 1)
    assert Preparation(["sector"]).key != before


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (["crop"], "expected some of sector"),
        (["sector", "sector"], "more than once"),
        (["mask-overlays", "inpaint-overlays"], "one of them"),
    ],
)
def test_impossible_steps_are_refused(steps, words):
    with pytest.raises(UserError, match=words):
        Preparation(steps)


def test_inpainting_continues_a_ramp_and_leaves_the_rest():
    ramp = np.repeat(np.arange(0, 240, 4, dtype=np.uint8)[None], 60, axis=0)
    mask = np.zeros(ramp.shape, bool)
    mask[20:30, 20:30] = True
    broken = np.where(mask, 255, ramp).astype(np.uint8)
    filled = inpaint(broken, mask)
    assert np.abs(filled.astype(int) - ramp)[mask].mean() < 6
    assert (filled[~mask] == ramp[~mask]).all()


def test_a_dicom_header_says_where_the_scan_is(original, monkeypatch):
    monkeypatch.setattr(recipe, "_header_region", lambda path: (100, 130, 200, 300))
    assert (Preparation(["sector"]).apply(original, "a.dcm") == original[100:200, 130:300]).all()
