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
    real, synthetic = fill(tmp_path / "a", 8, 0), fill(tmp_path / "b", 7, 100)
    (real / "notes.txt").write_text("not an image")
    report = compare_folders(real, synthetic, tmp_path / "out", texture())
    assert set(report.fidelity["scope"]) == {"all", "images"}
    assert report.fidelity["real"].iloc[0] == 8 and report.fidelity["synthetic"].iloc[0] == 7
    assert (tmp_path / "out" / "copies.csv").is_file()
    assert "notes.txt" in (tmp_path / "out" / "quarantine.csv").read_text()


def test_a_flat_folder_against_one_with_classes_is_one_class_too(tmp_path, fill):
    fill(tmp_path / "real" / "benign", 5, 0)
    fill(tmp_path / "real" / "malignant", 4, 50)
    report = compare_folders(
        tmp_path / "real", fill(tmp_path / "b", 6, 100), tmp_path / "out", texture()
    )
    assert set(report.fidelity["scope"]) == {"all", "images"}
    assert report.fidelity["real"].iloc[0] == 9


def test_synthetic_images_are_refused_as_real_ones(tmp_path, fill):
    real = fill(tmp_path / "real" / "a", 6, 0).parent
    rows = [{"path": f"a/{i}.png", "label": "a", "source": "synthetic"} for i in range(6)]
    pd.DataFrame(rows).to_csv(real / "manifest.csv", index=False)
    synthetic = fill(tmp_path / "synthetic" / "a", 6, 100).parent
    with pytest.raises(UserError, match="6 of the 6 real images are synthetic"):
        compare_folders(real, synthetic, tmp_path / "out", texture())
    assert not (tmp_path / "out").exists()


def test_an_image_in_both_folders_and_folders_without_a_common_class_are_refused(tmp_path, fill):
    real, synthetic = (
        fill(tmp_path / "a" / "x", 6, 0).parent,
        fill(tmp_path / "b" / "x", 6, 5).parent,
    )
    with pytest.raises(UserError, match=r"1 image\(s\) are in"):
        compare_folders(real, synthetic, tmp_path / "out", texture())
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
    synthetic = fill(tmp_path / "synthetic", 6, 100)
    report = compare_folders(real, synthetic, tmp_path / "out", texture())
    pairs = pd.read_csv(tmp_path / "out" / "near_duplicates.csv")
    listed = [Path(pairs[column].item()) for column in ("path", "other_path")]
    assert {path.name for path in listed} == {"3.png", "almost.png"}
    assert not any(path.is_absolute() for path in listed)
    assert "Near-duplicates: 1 pair of training images" in report.text()
    assert "Near-duplicates" in (tmp_path / "out" / "copies.txt").read_text()
