import json
import shutil

import pandas as pd
import pytest
import yaml
from PIL import Image

from experiments.design.study import Study
from ufgen.audit import audit
from ufgen.cli.data.check import check_before


@pytest.fixture
def leaking(phantoms, tmp_path):
    """The phantom set with a training image that is, a little brighter, a test image, too."""
    folder = tmp_path / "leaking"
    shutil.copytree(phantoms, folder)
    table = pd.read_csv(folder / "manifest.csv")
    train = table[(table["split"] == "train") & (table["label"] == "UF")].iloc[0]
    test = table[(table["split"] == "test") & (table["label"] == "UF")].iloc[0]
    with Image.open(folder / train["path"]) as picture:
        picture.point(lambda level: min(255, level + 6)).save(folder / test["path"])
    return folder


def test_clean_images_are_ready(phantoms, tmp_path, run_here):
    done = run_here("data", "check", phantoms, "--out", tmp_path)
    assert done.returncode == 0 and "Image check: ready" in done.stdout
    assert json.loads((tmp_path / "check.json").read_text())["verdict"].startswith("ready")
    assert "phantom: these are simulated images" in (tmp_path / "check.html").read_text()


def test_a_leak_is_not_ready_until_it_is_accepted(leaking, tmp_path, run_here):
    done = run_here("data", "check", leaking, "--out", tmp_path / "out")
    assert done.returncode == 1 and "Image check: not ready" in done.stdout
    names = [
        f["name"] for f in json.loads((tmp_path / "out" / "check.json").read_text())["findings"]
    ]
    assert "near-duplicates-across-splits" in names or "exact-duplicates" in names
    accepted = [word for name in names for word in ("--accept", name)]
    done = run_here("data", "check", leaking, "--out", tmp_path / "out", *accepted)
    assert done.returncode == 0 and "Image check: ready" in done.stdout


def test_near_duplicates_stay_on_one_side_of_a_grouped_split(leaking, tmp_path, run_here):
    manifest = tmp_path / "split.csv"
    done = run_here("data", "split", leaking, "--grouped", "--out", manifest)
    assert done.returncode == 0
    assert run_here("data", "check", manifest, "--out", tmp_path / "out").returncode == 0


def test_a_study_of_images_that_are_not_ready_is_refused(leaking, tmp_path, run_here):
    study = {
        "name": "small",
        "images": {"path": str(leaking), "resolution": 32},
        "arms": ["real", "real+duplicated@1.0"],
        "classifiers": [{"name": "keras:MobileNet?alpha=0.25", "weights": "none"}],
    }
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(study))
    done = run_here("experiment", file, "--runs", tmp_path / "runs")
    assert done.returncode == 1 and "are not ready for a study" in done.stderr
    assert "--accept NAME" in done.stderr and "check.html" in done.stderr
    assert (tmp_path / "runs" / "small" / "check" / "check.html").is_file()
    assert not (tmp_path / "runs" / "small" / "declared.yaml").exists()


@pytest.mark.parametrize(("folds", "splits"), [(0, {"train", "test"}), (2, {""})])
def test_a_cross_validated_study_is_checked_without_the_split_of_its_images(
    phantoms, tmp_path, monkeypatch, folds, splits
):
    checked = []
    clean = audit.Audit(0, [], {}, pd.DataFrame())
    monkeypatch.setattr(audit, "run", lambda images: checked.append(images) or clean)
    study = Study(
        name="small",
        images={"path": str(phantoms), "resolution": 32},
        folds=folds,
        arms=["real", "real+duplicated@1.0"],
        classifiers=["keras:MobileNet?alpha=0.25"],
    )
    check_before(study, tmp_path)
    assert set(checked[0].table["split"]) == splits
