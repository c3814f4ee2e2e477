"""Which images the commands take of a set: its splits, two of its classes, and no masks."""

import json

import pytest

from classifiers import model_folder
from experiments.design import study_yaml
from ufgen.errors import UserError


@pytest.fixture
def published(folder, picture):
    """A set as one is published: three classes, three splits, masks, a system file."""
    for number, split in enumerate(("train", "val", "test")):
        for seed, label in enumerate(("UF", "NUF", "cyst"), 100 + 3 * number):
            file = picture(folder / split / label / f"{split} ({number}).png", seed)
            picture(file.with_stem(f"{file.stem}_mask"))
    (folder / "Thumbs.db").write_bytes(b"x")
    return folder


LEFT_OUT = "left out: 1 system file, 9 segmentation masks"


def test_train_takes_validation_images_or_joins_them(published, run_here, monkeypatch):
    given = []

    def train(images, *_, validation, **__):
        given.append((images, validation))
        raise UserError("enough")

    monkeypatch.setattr(model_folder, "train", train)
    command = ("train", published, "--weights", "none", "--positive", "UF")
    for options in ((), ("--join-validation",), ("--negative", "NUF")):
        result = run_here(*command, *options)
        assert result.stderr.startswith(LEFT_OUT) and result.stderr.endswith("enough\n")
    (own, validation), (joined, none), (two, of_two) = given
    assert len(own) == 15 and len(validation) == 3 and set(own.table["split"]) == {"train"}
    assert len(joined) == 18 and none is None
    assert two.classes == of_two.classes == ["NUF", "UF"] and len(two) == 14


def test_describe_and_split_say_what_was_left_out(published, run_here, tmp_path):
    out = tmp_path / "page"
    result = run_here("data", "describe", published, "--positive", "UF", "--out", out)
    assert f"\n{LEFT_OUT}\n" in result.stdout
    page = (out / "describe.html").read_text()
    assert "train/cyst/train (0)_mask.png</td><td>segmentation mask" in page
    options = ("--positive", "UF", "--negative", "NUF", "--out", tmp_path / "m.csv")
    result = run_here("data", "split", published, *options)
    assert f"{LEFT_OUT}, 3 images of cyst\n" in result.stderr
    written = (tmp_path / "m.csv").read_text()
    assert "cyst" not in written and "mask" not in written and ",validation," not in written


def test_evaluate_refuses_a_third_class_or_leaves_it_out(published, run_here, trained_model):
    metadata = json.loads((trained_model / "model.json").read_text())
    assert metadata["positive"] == "UF"
    result = run_here("evaluate", trained_model, published, "--out", published / "out")
    assert "--negative" in result.stderr and result.returncode == 1
    command = ("evaluate", trained_model, published, "--negative", "NUF")
    result = run_here(*command, "--out", published / "out")
    assert result.returncode == 0
    assert (published / "out" / "predictions.csv").read_text().count("\n") == 1 + 8


def test_options_reach_the_study(folder, tmp_path):
    changes = {"negative": "NUF", "validation": "join", "path": str(folder), "positive": "UF"}
    images = study_yaml.read("quick", **changes).images
    assert (images.negative, images.validation) == ("NUF", "join")
    with pytest.raises(UserError, match=r"'each'.*and the negative class 'NUF'"):
        study_yaml.read_all("quick", **(changes | {"positive": "each"}))
    with pytest.raises(UserError, match=r"images\.validation"):
        study_yaml.read("quick", **(changes | {"validation": "other"}))


def test_a_study_finds_images_in_its_own_folder_first(folder, tmp_path, monkeypatch):
    (tmp_path / "studies").mkdir()
    file = tmp_path / "studies" / "s.yaml"
    monkeypatch.chdir(tmp_path)
    text = (
        "name: s\nimages: {path: UF_dataset}\narms: [real, real+classical]\nclassifiers: [hybrid]"
    )
    file.write_text(text)
    assert study_yaml.read(file).images.path == "UF_dataset"  # of the working folder
    (tmp_path / "studies" / "UF_dataset").mkdir()
    assert study_yaml.read(file).images.path == str(tmp_path / "studies" / "UF_dataset")
