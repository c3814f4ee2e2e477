"""Which trials a study consists of: folds, generators, seeds and parts as factors of their own."""

import pytest
from pydantic import ValidationError

from experiments.design.study import Study
from experiments.design.trials import SplitKey

ARMS = ["real", "real+duplicated@1.0", "real+synthetic@1.0"]


def _study(**changes) -> Study:
    return Study(**({"name": "s", "arms": ARMS, "classifiers": ["hybrid"]} | changes))


def test_seeds_are_cheap_where_generators_are_nested_in_folds():
    study = _study(folds=5, generator={"seeds": [0, 1, 2]}, seeds=list(range(10)))
    trials = study.trials()
    assert len(trials) == 5 * 10 * (2 + 3) == len(set(map(str, trials)))
    generators = {
        study.generator_seed(trial.generator, trial.split)
        for trial in trials
        if trial.generator is not None
    }
    assert len(generators) == 15 and {trial.split.repeat for trial in trials} == {0}


def test_repeats_divide_the_images_anew_and_train_generators_anew():
    study = _study(folds=3, repeats=2, seeds=[0, 1])
    assert [key[:2] for key in study.splits()] == [(r, f) for r in (0, 1) for f in (0, 1, 2)]
    seeds = {study.generator_seed(seed, key) for seed in (0, 1, 2) for key in study.splits()}
    assert len(seeds) == 18


def test_without_folds_a_generator_keeps_its_seed():
    study = _study()
    assert study.splits() == [SplitKey()] and study.generator_seed(2, SplitKey()) == 2


def test_each_seed_trains_on_the_part_of_its_own():
    study = _study(images={"fraction": 0.2, "parts": 5})
    assert {(trial.seed, trial.split.part) for trial in study.trials()} == {
        (n, n) for n in range(5)
    }
    assert len(study.trials()) == 5 * (2 + 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"repeats": 2}, "repeats is 2 without cross-validation"),
        ({"images": {"parts": 3, "fraction": 0.2}}, "as many parts as seeds"),
        ({"images": {"parts": 5, "fraction": 0.3}}, "images.fraction of 0.2 at most"),
        ({"headline": ["real+duplicated@1.0"]}, r"headline names .* \(real\+synthetic@1.0\)"),
    ],
)
def test_designs_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        _study(**changes)


def test_a_trial_names_what_there_are_several_of():
    folds = _study(folds=2, seeds=[0])
    assert folds.trials()[0].title == "hybrid · real · seed 0 · fold 1"
    repeats = _study(folds=2, repeats=2, seeds=[0])
    assert repeats.trials()[-1].title.endswith("generator 2 · seed 0 · repeat 2, fold 2")
