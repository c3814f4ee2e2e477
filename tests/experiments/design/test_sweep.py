"""A study at several levels: expanded, named, and shown together."""

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from experiments.design import study_yaml
from experiments.reporting import overview
from ufgen.cli import app
from ufgen.errors import UserError
from ufgen.images import positive_class
from ufgen.images.image_set import ImageSet

STUDY = {
    "name": "s",
    "images": {"path": "x", "fraction": [0.25, 1.0], "resolution": [32, 64]},
    "arms": ["real", "real+synthetic@1.0", "real+oracle@1.0"],
    "classifiers": ["mobilenet_v3_small"],
}


def _file(path, **images):
    content = STUDY | {"images": STUDY["images"] | images}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def test_every_combination_of_levels_is_a_study(tmp_path):
    name, studies = study_yaml.read_all(_file(tmp_path / "s.yaml"))
    assert name == "s"
    levels = [(one.images.fraction, one.images.resolution) for one in studies]
    assert levels == [(0.25, 32), (0.25, 64), (1.0, 32), (1.0, 64)]
    assert studies[1].name == "s-fraction0.25-resolution64"
    assert [len(one.arms) for one in studies] == [3, 3, 2, 2]
    with pytest.raises(UserError, match="several levels"):
        study_yaml.read(tmp_path / "s.yaml")


@pytest.mark.parametrize("fraction", [[], [0.5, 0.5]])
def test_levels_must_differ(tmp_path, fraction):
    with pytest.raises(UserError, match=r"images\.fraction"):
        study_yaml.read_all(_file(tmp_path / "s.yaml", fraction=fraction))


def test_positive_classes_are_levels_whose_names_may_hold_anything(tmp_path):
    file = _file(tmp_path / "s.yaml", fraction=0.5, resolution=32, positive=["a b/c", 1, "ä"])
    names = [one.name for one in study_yaml.read_all(file)[1]]
    assert names == ["s-positivea_b_c", "s-positive1", "s-positive_"]
    classes = [one.images.positive for one in study_yaml.read_all(file)[1]]
    assert classes == ["a b/c", "1", "ä"]
    file.write_text(file.read_text() + "looks: [5, 10]\nseeds: [0,1,2,3,4,5,6,7,8,9]\n")
    with pytest.raises(UserError, match="no mean over the classes"):
        study_yaml.read_all(file)


def test_classes_whose_names_differ_in_other_letters_alone_have_folders_of_their_own(tmp_path):
    levels = ["良性", "恶性", "A", "a"]
    file = _file(tmp_path / "s.yaml", fraction=0.5, resolution=32, positive=levels)
    names = [one.name for one in study_yaml.read_all(file)[1]]
    assert names == ["s-positive_1", "s-positive_2", "s-positiveA3", "s-positivea4"]


def test_each_needs_three_classes(phantoms):
    with pytest.raises(UserError, match="classes NUF, UF: expected three or more"):
        study_yaml.read_all("quick", path=str(phantoms), positive="each")


def test_a_class_called_each_is_a_class(monkeypatch):
    found = ImageSet(pd.DataFrame({"label": ["each", "other", "third"]}))
    monkeypatch.setattr(positive_class.image_set, "scan", lambda *_: found)
    (one,) = study_yaml.read_all("quick", path="x", positive="each")[1]
    assert one.images.positive == "each"


def test_a_budget_has_no_mean_over_classes(sizes):
    command = ["experiment", str(sizes), "--positive", "each", "--hours", "0.01"]
    refused = CliRunner().invoke(app, command)
    assert "no mean over positive classes" in str(refused.exception)


def test_a_wrong_level_is_named_with_its_line(tmp_path):
    file = _file(tmp_path / "s.yaml", fraction=[0.25, 7])
    line = 1 + file.read_text().splitlines().index("  fraction:")
    with pytest.raises(UserError, match=rf"line {line}: images\.fraction"):
        study_yaml.read_all(file)


def test_the_overview_shows_every_level(tmp_path):
    _, studies = study_yaml.read_all(_file(tmp_path / "s.yaml"))
    for number, one in enumerate(studies):
        row = {"arm": "real+synthetic@1.0", "classifier": "all", "metric": "roc_auc"}
        row |= {"reference": "real"}
        row |= {"baseline": 0.8, "value": 0.8, "delta": 0.01 * number, "low": -0.1, "high": 0.1}
        row |= {"confidence": 0.95, "folds": 1}
        (tmp_path / one.name).mkdir()
        table = pd.DataFrame([row | {"verdict": "inconclusive"}])
        table.to_csv(tmp_path / one.name / "deltas.csv", index=False)
    page = overview.write_overview("s", studies, tmp_path)
    table = pd.read_csv(tmp_path / "s" / "sweep.csv")
    assert table["delta"].tolist() == [0.0, 0.01, 0.02, 0.03]
    text = page.read_text()
    assert "../s-fraction1.0-resolution64/report.html" in text and text.count("<svg") == 1
