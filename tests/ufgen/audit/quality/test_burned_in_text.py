import json

import numpy as np
import pandas as pd
import pytest

from ufgen.audit.measurements import Measurements
from ufgen.audit.quality import burned_in_text, left_out
from ufgen.images.image_set import COLUMNS, ImageSet


def measured(boxes):
    names = [f"/x/{i:03}.png" for i in range(len(boxes))]
    table = pd.DataFrame(dict.fromkeys(COLUMNS, ""), index=range(len(boxes)))
    images = ImageSet(table.assign(path=names), root="/x")
    columns = pd.DataFrame({"text_boxes": [json.dumps(found) for found in boxes]})
    return Measurements(images, columns, np.zeros((len(boxes), 64, 64), "uint8"), {}, table[:0])


BOX = [0.1, 0.2, 0.15, 0.6]


@pytest.mark.parametrize(("count", "severity"), [(1, "note"), (2, "note"), (3, "warning")])
def test_more_than_one_in_a_hundred_is_a_warning(count, severity):
    (found,) = burned_in_text.findings(measured([[BOX]] * count + [[]] * (200 - count)))
    assert (found.name, found.severity, found.number) == ("burned-in-text", severity, count)


def test_the_images_with_most_text_are_shown_first_with_their_boxes():
    (found,) = burned_in_text.findings(measured([[], [BOX], [BOX, BOX]]))
    assert found.table["path"].tolist() == ["/x/002.png", "/x/001.png"]
    assert found.exhibits[0].boxes == [[tuple(BOX), tuple(BOX)]]
    assert found.exhibits[0].caption == "2 regions of text"


def test_no_text_is_no_finding():
    assert burned_in_text.findings(measured([[], []])) == []


def test_files_that_were_left_out_are_counted_by_reason():
    images = measured([[]]).images
    rows = [("/x/a_mask.png", "segmentation mask"), ("/x/b_mask.png", "segmentation mask")]
    rows += [("/x/Thumbs.db", "system file"), ("/x/c.txt", "name in another encoding")]
    left = pd.DataFrame(rows, columns=["path", "reason"])
    images = ImageSet(images.table, root="/x", left_out=left)
    found = {one.name: one for one in left_out.findings(images)}
    assert {name: one.number for name, one in found.items()} == {
        "left-out-masks": 2,
        "left-out-junk": 1,
        "left-out-files": 1,
    }
    assert all(one.severity == "note" for one in found.values())
    assert left_out.findings(ImageSet(images.table)) == []
