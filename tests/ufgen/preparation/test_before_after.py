import numpy as np
from PIL import Image

from ufgen.preparation.before_after import write_sheet
from ufgen.preparation.recipe import Preparation


def test_pictures_of_one_pixel_or_line_are_shown(tmp_path):
    paths = []
    for size in ((1, 1), (1, 3000), (3000, 1)):
        paths.append(str(tmp_path / f"{size[0]}.{size[1]}.png"))
        Image.fromarray(np.full(size, 90, "uint8")).save(paths[-1])
    write_sheet(tmp_path / "sheet.png", paths, Preparation(["sector", "mask-overlays"]))
    assert Image.open(tmp_path / "sheet.png").width > 1000
