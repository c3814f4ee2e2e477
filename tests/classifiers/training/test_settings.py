"""Settings of training: former names, rates by weights, the schedule of the moving average."""

import pytest
import yaml

from classifiers.training.learning_rate import ema_decay
from classifiers.training.settings import RENAMED, Training
from experiments.design import study_yaml
from ufgen.errors import UserError

STUDY = {"name": "small", "arms": ["real", "real+classical"]}


@pytest.mark.parametrize("old", RENAMED)
@pytest.mark.parametrize("of_one_classifier", [False, True])
def test_former_names_are_met_by_the_new_ones(tmp_path, old, of_one_classifier):
    file, former = tmp_path / "study.yaml", {"training": {old: 20}}
    if of_one_classifier:
        study = STUDY | {"classifiers": [{"name": "hybrid"} | former]}
    else:
        study = STUDY | {"classifiers": ["hybrid"]} | former
    file.write_text(yaml.safe_dump(study))
    expected = (
        rf"line \d+: .*training: {old} is called {RENAMED[old]} now: write {RENAMED[old]}: 20"
    )
    with pytest.raises(UserError, match=expected):
        study_yaml.read(file)


def test_the_moving_average_forgets_the_initial_weights_and_then_has_its_half_life():
    training = Training(ema_half_life=20)
    decays = [ema_decay(training, step) for step in range(1, 500)]
    assert decays[0] == pytest.approx(2 / 11) and decays == sorted(decays)
    assert decays[-1] ** 20 == pytest.approx(0.5)
    assert ema_decay(Training(), 5) == 0


@pytest.mark.parametrize(("weights", "expected"), [("none", 1.0), ("imagenet", 0.2)])
def test_pretrained_backbones_learn_more_slowly_than_their_head(weights, expected):
    assert Training().for_weights(weights).backbone_rate == expected
    assert Training(backbone_rate=0.5).for_weights(weights).backbone_rate == 0.5
