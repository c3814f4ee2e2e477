"""Failed trials, what is left of a study then, and two runs in one folder."""

import json

import pytest
from filelock import FileLock

from experiments import runner
from experiments.design import study
from experiments.running import status
from ufgen.errors import UserError

TRIALS = [
    study.Trial(study.parse(arm), study.ClassifierOptions(name="hybrid"), None, seed)
    for seed in (0, 1)
    for arm in ("real", "real+classical")
]


@pytest.fixture
def folder(tmp_path):
    folders = [tmp_path / "trials" / f"t{i}" for i in range(len(TRIALS))]
    status.write(tmp_path, list(zip(TRIALS, folders, strict=True)))
    for one in folders[:2]:
        one.mkdir(parents=True)
        (one / "trial.json").write_text("{}")
    try:
        raise ValueError("no memory left\nmore")
    except ValueError as error:
        assert status.record(folders[2], TRIALS[2], error) == "no memory left"
    return tmp_path


def _small(**changes):
    content = {"name": "s", "arms": ["real", "real+classical"], "classifiers": ["hybrid"]}
    return study.Study(**content, **changes)


def test_the_table_counts_and_names_failures(folder):
    assert status.read(folder)["state"].tolist() == ["finished", "finished", "failed", "waiting"]
    text = status.describe(folder)
    assert "2 of 4 trials are finished" in text and "seed 1: no memory left" in text
    written = json.loads((folder / "trials/t2" / status.FAILED).read_text())
    assert "ValueError" in written["traceback"]
    with pytest.raises(UserError, match="no started study"):
        status.read(folder / "nowhere")


def test_the_seed_of_a_failed_trial_is_left_out_with_a_warning(folder):
    left, warnings = status.without_failed(_small(seeds=[0, 1]), folder, "ufgen experiment s")
    assert left.seeds == [0]
    assert "no memory left" in warnings[0] and "--retry-failed" in warnings[0]
    with pytest.raises(UserError, match="every seed has a trial that failed"):
        status.without_failed(_small(seeds=[1]), folder, "ufgen experiment s")


def test_a_second_run_of_one_study_is_refused(tmp_path):
    (tmp_path / "s").mkdir()
    with (
        FileLock(tmp_path / "s" / ".lock"),
        pytest.raises(UserError, match="another ufgen is running the study s"),
    ):
        runner.run(_small(), tmp_path, "ufgen experiment s")
