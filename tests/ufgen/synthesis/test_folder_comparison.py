"""`ufgen fidelity` on folders as people have them."""

from pathlib import Path

import pandas as pd
import pytest

from ufgen.environment import prepare

prepare()

from ufgen.errors import UserError  # noqa: E402
from ufgen.fidelity.feature_extractors import texture  # noqa: E402
from ufgen.synthesis.folder_comparison import compare_folders  # noqa: E402


@pytest.fixture
def fill(picture):
    """A function that writes pictures into a folder."""

    def write(folder, count, first):
        for i in range(count):
            picture(folder / f"{first + i}.png", first + i)
        return folder

    return write


def test_two_folders_without_classes_are_compared_as_one_class(tmp_path, fill):
    real, drawn = fill(tmp_path / "a", 8, 0), fill(tmp_path / "b", 7, 100)
    (real / "notes.txt").write_text("not an image")
    found = compare_folders(real, drawn, tmp_path / "out", texture())
    assert set(found.fidelity["scope"]) == {"all", "images"}
    assert found.fidelity["real"].iloc[0] == 8 and found.fidelity["synthetic"].iloc[0] == 7
    assert (tmp_path / "out" / "copies.csv").is_file()
    assert "notes.txt" in (tmp_path / "out" / "quarantine.csv").read_text()


def test_a_flat_folder_against_one_with_classes_is_one_class_too(tmp_path, fill):
    fill(tmp_path / "real" / "benign", 5, 0)
    fill(tmp_path / "real" / "malignant", 4, 50)
    found = compare_folders(
        tmp_path / "real", fill(tmp_path / "b", 6, 100), tmp_path / "out", texture()
    )
    assert set(found.fidelity["scope"]) == {"all", "images"}
    assert found.fidelity["real"].iloc[0] == 9


def test_synthetic_images_are_no_real_side(tmp_path, fill):
    real = fill(tmp_path / "real" / "a", 6, 0).parent
    rows = [{"path": f"a/{i}.png", "label": "a", "source": "synthetic"} for i in range(6)]
    pd.DataFrame(rows).to_csv(real / "manifest.csv", index=False)
    drawn = fill(tmp_path / "drawn" / "a", 6, 100).parent
    with pytest.raises(UserError, match="6 of the 6 real images are synthetic"):
        compare_folders(real, drawn, tmp_path / "out", texture())
    assert not (tmp_path / "out").exists()


def test_a_picture_on_both_sides_and_classes_of_one_side_are_refused(tmp_path, fill):
    real, drawn = fill(tmp_path / "a" / "x", 6, 0).parent, fill(tmp_path / "b" / "x", 6, 5).parent
    with pytest.raises(UserError, match="1 pictures are in"):
        compare_folders(real, drawn, tmp_path / "out", texture())
    other = fill(tmp_path / "c" / "y", 6, 50).parent
    with pytest.raises(UserError, match="expected a class in common"):
        compare_folders(real, other, tmp_path / "out", texture())
    with pytest.raises(UserError, match="no split test"):
        compare_folders(real, other, tmp_path / "out", texture(), split="test")


def test_near_duplicates_across_groups_are_listed(tmp_path, fill, picture):
    import numpy as np
    from PIL import Image

    real = fill(tmp_path / "real", 10, 0)
    with Image.open(real / "3.png") as image:
        changed = np.asarray(image).copy()
    changed[0, 0] ^= 1
    Image.fromarray(changed).save(real / "almost.png")
    drawn = fill(tmp_path / "drawn", 6, 100)
    found = compare_folders(real, drawn, tmp_path / "out", texture())
    pairs = pd.read_csv(tmp_path / "out" / "near_duplicates.csv")
    listed = [Path(pairs[column].item()) for column in ("path", "other_path")]
    assert {path.name for path in listed} == {"3.png", "almost.png"}
    assert not any(path.is_absolute() for path in listed)
    assert "Near-duplicates: 1 pair of training images" in found.text()
    assert "Near-duplicates" in (tmp_path / "out" / "copies.txt").read_text()
