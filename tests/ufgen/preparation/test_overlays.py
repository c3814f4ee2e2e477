"""Overlays: text, calipers, colour and the sector are found; speckle is not text."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ufgen.phantom.patient import simulate_patient
from ufgen.preparation import overlays
from ufgen.preparation.overlay_measure import measure


@pytest.fixture(scope="module")
def scan():
    return simulate_patient(5, 3, "UF", 1, 384)[0].pixels


def _write(picture, text, at, size=18, fill=255):
    """The picture with text, and the box of it: (top, left, bottom, right)."""
    image = Image.fromarray(picture)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    draw.text(at, text, fill=fill, font=font)
    left, top, right, bottom = draw.textbbox(at, text, font=font)
    return np.array(image), (int(top), int(left), int(bottom), int(right))


def _covered(found, box):
    mask = np.zeros((2000, 2000), bool)
    for top, left, bottom, right in found:
        mask[top:bottom, left:right] = True
    return mask[box[0] : box[2], box[1] : box[3]].mean()


def _near(box, expected, tolerance):
    return np.abs(np.subtract(box, expected)).max() <= tolerance


@pytest.mark.parametrize("size", [12, 18, 30])
@pytest.mark.parametrize("fill", [110, 255])
def test_text_on_black_is_found_grey_or_white(scan, size, fill):
    canvas = np.pad(scan, ((60, 0), (0, 0)))
    written, box = _write(canvas, "DOE^JANE 1.2.80", (6, 8), size, fill)
    assert _covered(overlays.find_text(written), box) > 0.8


def test_white_text_on_tissue_is_found(scan):
    written, box = _write(scan, "RT OVARY", (150, 130), 20)
    found = overlays.find_text(written)
    assert _covered(found, box) > 0.8 and len(found) == 1


def test_yellow_text_is_found(scan):
    colour = np.repeat(np.pad(scan, ((60, 0), (0, 0)))[..., None], 3, axis=2)
    written, box = _write(colour, "MI 0.9 TIS 0.4", (6, 8), 16, (230, 230, 60))
    assert _covered(overlays.find_text(written), box) > 0.8


def test_speckle_is_not_text_and_holds_no_calipers(scan):
    found = overlays.find_overlays(scan)
    assert found.text == [] and found.calipers.mean() < 0.001 and not found.marks.all()


def test_the_sector_is_found_whatever_is_written_beside_it(scan):
    rows, columns = np.flatnonzero((scan > 20).any(1)), np.flatnonzero((scan > 20).any(0))
    canvas = np.zeros((500, 700), np.uint8)
    canvas[80 : 80 + 384, 200 : 200 + 384] = scan
    expected = 80 + rows[0], 200 + columns[0], 81 + rows[-1], 201 + columns[-1]
    canvas, _ = _write(canvas, "DOE^JANE 12.03.1974", (6, 8), 20)
    canvas[100:400, 650:670] = np.linspace(0, 255, 300, dtype=np.uint8)[:, None]  # a grey scale
    assert _near(overlays.find_sector(canvas), expected, 10)


def test_the_sector_is_found_on_a_grey_screen(scan):
    canvas = np.full((500, 700), 32, np.uint8)
    canvas[100:400, 200:500] = 60 + scan[60:360, 40:340] // 2
    assert _near(overlays.find_sector(canvas), (100, 200, 400, 500), 16)


def test_a_picture_that_is_all_scan_is_its_own_sector():
    picture = np.random.default_rng(0).integers(40, 120, (200, 300), dtype=np.uint8)
    assert overlays.find_sector(picture) == (0, 0, 200, 300)


def test_a_black_picture_has_no_sector_and_no_overlays():
    found = overlays.find_overlays(np.zeros((90, 120), np.uint8))
    assert found.sector is None and found.text == [] and not found.marks.any()


def test_crosses_and_dotted_lines_are_calipers(scan):
    image = Image.fromarray(scan // 2)
    draw = ImageDraw.Draw(image)
    draw.line((120, 150, 136, 150), fill=255)
    draw.line((128, 142, 128, 158), fill=255)
    for i in range(9):
        draw.rectangle((150 + 9 * i, 200 + 2 * i, 151 + 9 * i, 201 + 2 * i), fill=255)
    calipers = overlays.find_overlays(np.asarray(image)).calipers
    assert calipers[150, 122:135].all() and calipers[143:157, 128].all()
    assert all(calipers[200 + 2 * i, 150 + 9 * i] for i in range(9))


def test_a_cross_that_touches_a_line_is_a_caliper(scan):
    picture = scan // 2
    picture[150:151, 122:135] = picture[144:157, 128:129] = 240
    picture[150, 135:200] = 240
    calipers = overlays.find_overlays(picture).calipers
    assert calipers[150, 122:135].all() and calipers[145:156, 128].all()
    assert not overlays.find_overlays(scan // 2).calipers.any()


def test_colour_and_what_is_outside_of_the_sector_are_marks(scan):
    picture = np.repeat(np.pad(scan, ((0, 0), (0, 100)))[..., None], 3, axis=2)
    picture[150:170, 180:200] = (220, 40, 30)
    picture[50:300:25, 450:470] = 200
    marks = overlays.find_marks(picture)
    assert marks[150:170, 180:200].all() and marks[50:300:25, 450:470].mean() > 0.9
    assert not overlays.find_marks(np.stack([scan // 2, scan, scan // 3], -1))[:, :384].mean() > 0.1


def test_large_pictures_give_boxes_in_their_own_pixels(scan):
    large = np.zeros((1200, 1600), np.uint8)
    large[200:968, 400:1168] = np.asarray(Image.fromarray(scan).resize((768, 768)))
    written, box = _write(large, "DOE^JANE 12.03.1974", (20, 30), 40)
    assert _covered(overlays.find_text(written), box) > 0.8
    assert overlays.find_marks(written).shape == written.shape


def test_an_audit_gets_fractions(scan):
    written, box = _write(np.pad(scan, ((60, 0), (0, 0))), "DOE^JANE 1.2.80", (6, 8))
    row = measure("a.png", written)
    (found,) = json.loads(row["text_boxes"])
    height, width = written.shape
    assert _near(np.multiply(found, (height, width) * 2), box, 5)
    assert row["text_area"] > 0 and 0 < json.loads(row["sector"])[2] <= 1
    assert set(row) == {"text_boxes", "text_area", "caliper_area", "marks_area", "sector"}
