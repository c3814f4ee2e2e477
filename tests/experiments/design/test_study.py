"""What a study file may say: shipped studies, wrong ones, and the line that is named."""

import re

import pytest
from small_study import write

from experiments.design import study_yaml
from experiments.design.enough import enough_generators, enough_seeds
from ufgen.errors import UserError


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arms": ["real+classical", "real"]}, "first arm must be"),
        ({"arms": ["real", "real+odd@1"]}, "real+odd@1"),
        ({"arms": ["real", "real"]}, "more than once"),
        ({"arms": ["real", "real+classical+synthetic@1.0"]}, "  - real+classical"),
        ({"arms": ["real", "real+oracle@1.0+synthetic@1"]}, "  - real+oracle@1.0"),
        ({"classifiers": ["resnet"]}, "no classifier 'resnet'"),
        ({"primary_metric": "auc"}, "roc_auc"),
        ({"training": {"step": 3}}, "training.step"),
        ({"colour": 3}, "colour"),
        ({"generator": {"options": {"resolution": 64}}}, "expected it in images.resolution"),
        ({"generator": {"options": {"channels": 3}}}, "expected it in images.channels"),
        ({"generator": {"options": {"seed": 1}}}, "expected it in generator.seeds"),
        ({"generator": {"options": {"kimgs": 1}}}, "has no field kimgs"),
        (
            {"generator": {"options": {"average_kimg": 1}}},
            "average_kimg is called ema_kimg since 0.2.0",
        ),
        (
            {"generator": {"options": {"minibatch_deviation": True}}},
            "minibatch_deviation is called minibatch_stddev since 0.2.0",
        ),
        ({"generator": {"options": {"precision": "half"}}}, "precision is 'half'"),
        ({"generator": {"recipe": "fastest"}}, "there is no recipe fastest"),
        ({"images": {"resolution": 48}}, "resolution is 48"),
        ({"name": "../up"}, "name"),
        ({"classifiers": [{"name": "hybrid", "training": {"odd": 1}}]}, "odd"),
        ({"images": {"resolution": 8}}, "images.resolution"),
        ({"images": "UF_dataset"}, "images: {path: UF_dataset}"),
        ({"arms": ["real", "real+synthetic@1", "real+synthetic@1.0"]}, "are the same"),
        ({"seeds": [-1]}, "seeds.0"),
        ({"split_seed": 2**32}, "split_seed"),
        ({"margin": float("inf")}, "margin"),
        ({"training": {"learning_rate": float("nan")}}, "learning_rate"),
    ],
)
def test_wrong_studies_are_refused(tmp_path, change, message):
    with pytest.raises(UserError, match=re.escape(message)):
        study_yaml.read(write(tmp_path / "s.yaml", tmp_path, **change))


def test_missing_and_broken_study_files(tmp_path):
    with pytest.raises(UserError, match="demo"):
        study_yaml.read(tmp_path / "nowhere.yaml")
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(UserError, match="not valid YAML"):
        study_yaml.read(tmp_path / "bad.yaml")


@pytest.mark.parametrize("name", ["demo", "quick", "full", "lowdata"])
def test_shipped_studies_are_valid(name):
    shipped = study_yaml.read(name)
    assert shipped.name == name and len(shipped.trials()) >= 24
    for arm in shipped.compared_arms():
        assert shipped.reference_of(arm).name in shipped.arms
    assert enough_seeds(shipped) and enough_generators(shipped)


def test_a_wrong_field_is_named_with_its_line(tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text("name: s\narms:\n  - real\n  - odd\nclassifiers: [hybrid]\nseeds: many\n")
    with pytest.raises(UserError) as refused:
        study_yaml.read(file)
    message = str(refused.value)
    assert "line 2: arms: arm 'odd'" in message and "line 6: seeds" in message
    file.write_text("name: s\narms: [real, synthetic]\nclassifiers: [{name: hybrid, odd: 1}]\n")
    with pytest.raises(UserError, match=r"line 3: classifiers\.0\.odd"):
        study_yaml.read(file)
    file.write_text(
        "name: s\narms: [real, synthetic]\nclassifiers:\n"
        "  - name: hybrid\n    training:\n      stepz: 1\n"
    )
    with pytest.raises(UserError, match=r"line 6: classifiers\.0\.training\.stepz"):
        study_yaml.read(file)
    file.write_text("name: s\narms: [real, synthetic]\nclassifiers: [hybrid]\n5: 1\n")
    with pytest.raises(UserError, match="line 4: 5: Keys should be strings"):
        study_yaml.read(file)
