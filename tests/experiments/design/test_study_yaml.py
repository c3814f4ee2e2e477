"""Study files: where their images lie, and words that YAML takes for something else."""

import pytest
import yaml

from experiments.design import study_yaml
from ufgen.errors import UserError

STUDY = {"name": "small", "arms": ["real", "real+classical"], "classifiers": ["hybrid"]}


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A function that writes tmp_path/studies/small.yaml; the working folder is tmp_path/here."""
    for name in ("studies", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def write(images: str):
        file = tmp_path / "studies" / "small.yaml"
        file.write_text(yaml.safe_dump(STUDY) + f"images: {images}\n")
        return study_yaml.read(file).images

    return write


def test_images_are_looked_for_beside_the_study_first(study, tmp_path):
    assert study("{path: set}").path == "set"
    (tmp_path / "here" / "set").mkdir()
    assert study("{path: set}").path == "set"
    (tmp_path / "studies" / "set").mkdir()
    assert study("{path: set}").path == str(tmp_path / "studies" / "set")
    assert study(f"{{path: {tmp_path}}}").path == str(tmp_path)
    assert study_yaml.read("quick", path="set").images.path == "set"


def test_weights_of_every_classifier_are_replaced(tmp_path):
    file = tmp_path / "study.yaml"
    classifiers = ["hybrid", {"name": "mobilenet_v3", "weights": "imagenet"}]
    file.write_text(yaml.safe_dump(STUDY | {"classifiers": classifiers}))
    (study,) = study_yaml.read_all(file)[1]
    assert [c.weights for c in study.classifiers] == ["none", "imagenet"]
    (study,) = study_yaml.read_all(file, "a.weights.h5")[1]
    assert [c.weights for c in study.classifiers] == ["a.weights.h5"] * 2
    assert study.model_dump()["classifiers"][0]["weights"] == "a.weights.h5"
    file.write_text(yaml.safe_dump(STUDY | {"classifiers": "hybrid"}))
    with pytest.raises(UserError, match="classifiers"):
        study_yaml.read_all(file, "none")
    with pytest.raises(UserError, match="random weights"):
        study_yaml.read_all("demo", "none")


def test_words_of_yaml_are_classes_or_are_refused(study):
    assert study("{positive: 1}").positive == "1"
    assert study("{positive: all}").positive == "all"
    assert study("{positive: nan}").positive == "nan"
    assert study("{positive: 'no'}").positive == "no"
    for word in ("no", "1.0", "on", "2020-01-01"):
        with pytest.raises(UserError, match=r"(?s)line \d+: images.positive: .*in quotes"):
            study(f"{{positive: {word}}}")
