import json
import re
from pathlib import Path

import pandas as pd
import pytest

from ufgen.audit import page
from ufgen.audit.audit import Audit, advise
from ufgen.audit.findings import Exhibit, Finding
from ufgen.images import image_set


@pytest.fixture
def images(folder):
    return image_set.scan(folder)


@pytest.fixture
def audit(images):
    first, second = images.table["path"][:2]
    copied = Finding(
        "near-duplicates-across-splits",
        "error",
        "2 <test> images are copies",
        2,
        "They & their copies.",
        "ufgen data prepare FOLDER --drop LIST",
        pd.DataFrame({"path_1": [first], "path_2": [second], "similarity": [0.98765]}),
        [Exhibit([first, second], "side by side", [[(0.25, 0.25, 0.75, 0.75)], []])],
    )
    note = Finding("left-out-junk", "note", "3 system files", 3, "Never read.")
    looked_for = {"Copies": [copied.name], "Files": [note.name], "Labels": []}
    return Audit(len(images), [copied, note], looked_for, pd.DataFrame({"probe": ["size"]}))


def write(audit, images, tmp_path, accepted=()):
    path = page.write(advise(audit, "UF dataset", tmp_path), images, tmp_path, "set", accepted)
    return path.read_text(encoding="utf-8")


def test_the_page_shows_verdict_findings_pictures_and_command(audit, images, tmp_path):
    text = write(audit, images, tmp_path)
    assert "<strong>Not ready</strong>: 1 error, 0 warnings, 1 note in 18 images" in text
    assert "2 &lt;test&gt; images are copies" in text and "They &amp; their copies." in text
    assert f"ufgen data prepare UF dataset --drop {tmp_path}/near-duplicates-" in text
    assert len(re.findall("data:image/jpeg;base64", text)) == 2
    assert "Labels: nothing found" in text
    assert "0.988" in text and str(Path(images.root)) not in text  # relative paths


def test_what_is_accepted_is_marked_and_no_longer_decides(audit, images, tmp_path):
    text = write(audit, images, tmp_path, ["near-duplicates-across-splits"])
    assert "<strong>Ready</strong>: 0 errors, 0 warnings, 1 note (1 accepted)" in text
    content = json.loads((tmp_path / "check.json").read_text())
    assert content["verdict"] == "ready"
    assert content["accepted"] == ["near-duplicates-across-splits"]


def test_the_table_of_a_finding_is_a_list_of_images(audit, images, tmp_path):
    write(audit, images, tmp_path)
    table = pd.read_csv(tmp_path / "near-duplicates-across-splits.csv")
    assert table["path_1"].tolist() == [images.table["path"][0]]


def test_boxes_are_drawn_where_they_are():
    import io

    import numpy as np
    from PIL import Image

    drawn = page._drawn(np.zeros((100, 200), "uint8"), [(0.25, 0.5, 0.75, 1.0)])
    pixels = np.asarray(Image.open(io.BytesIO(drawn)))
    rows, columns = np.nonzero(pixels[..., 0] > 128)
    assert pixels.shape == (160, 320, 3)
    assert abs(rows.min() - 38) <= 2 and abs(rows.max() - 121) <= 2
    assert abs(columns.min() - 158) <= 2


def test_the_summary_names_each_finding(audit, images):
    text = page.summary(audit)
    assert text.splitlines()[0].startswith("error: 2 <test> images are copies [near-")
    assert text.splitlines()[-1] == "Image check: not ready"
    accepted = page.summary(audit, ["near-duplicates-across-splits"])
    assert accepted.startswith("accepted: ") and "FOLDER" not in accepted
