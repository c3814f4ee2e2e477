"""Studies by looks: what is trained, what is not, and that they continue at the right look."""

import json

import pandas as pd
import pytest
from small_study import TABLES, write

from experiments import runner
from experiments.declaration import record, stopping
from experiments.design import study_yaml
from experiments.running import status
from experiments.running.executors import jobs

ARMS = ["real", "real+duplicated@1.0", "real+classical"]
SEEDS = [0, 1, 2]


@pytest.fixture
def looks(monkeypatch, small_network, no_page):
    """Each arm's words at its looks, the last of them for good; pages are not written."""
    make = stopping.deltas_table

    def planted(words):
        def table(study, *arguments):
            deltas, number = make(study, *arguments), 0 if len(study.seeds) == 2 else -1
            primary = (deltas["classifier"] == "all") & (deltas["metric"] == "roc_auc")
            found = [words[arm][number] for arm in deltas.loc[primary, "arm"]]
            deltas.loc[primary, "verdict"] = found
            return deltas

        monkeypatch.setattr(stopping, "deltas_table", table)

    return planted


def _study(path, phantoms):
    changes = {"arms": ARMS, "seeds": SEEDS, "looks": [2, 3], "generator": {}}
    return study_yaml.read(write(path / "small.yaml", phantoms, **changes))


def _trained(folder):
    trials = [json.loads(file.read_text()) for file in folder.glob("trials/*/trial.json")]
    return {arm: sorted(t["seed"] for t in trials if t["arm"] == arm) for arm in ARMS}


def test_what_has_a_verdict_is_stopped_and_a_restarted_study_continues(
    phantoms, tmp_path, looks, monkeypatch
):
    looks({ARMS[1]: ["equivalent", "hurts"], ARMS[2]: ["inconclusive", "helps"]})
    study, run_trial = _study(tmp_path, phantoms), jobs.run_trial

    def interrupt(one, split, store, trial, *rest):
        if trial.seed == 2 and trial.arm.name == ARMS[2]:
            raise KeyboardInterrupt
        run_trial(one, split, store, trial, *rest)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(jobs, "run_trial", interrupt)
        runner.run(study, tmp_path / "interrupted", "once")
    first = record.read(tmp_path / "interrupted/small").verdicts
    assert [one["look"] for one in first] == [1]
    runner.run(study, tmp_path / "runs", "once")
    runner.run(study, tmp_path / "interrupted", "again")
    folder = tmp_path / "runs/small"
    assert _trained(folder) == {ARMS[0]: SEEDS, ARMS[1]: SEEDS[:2], ARMS[2]: SEEDS}
    assert status.describe(folder).startswith("8 of 8 trials are finished")
    deltas = pd.read_csv(folder / "deltas.csv").query("classifier == 'all' & metric == 'roc_auc'")
    assert deltas["verdict"].tolist() == ["equivalent", "helps"]
    assert deltas["look"].tolist() == [1, 2] and deltas["seeds"].tolist() == [2, 3]
    for name in TABLES:
        one, two = (tmp_path / part / "small" / name for part in ("runs", "interrupted"))
        assert one.read_bytes() == two.read_bytes(), name
    for part in ("runs", "interrupted"):
        found = record.read(tmp_path / part / "small")
        assert [one["look"] for one in found.verdicts] == [1, 2] and found.check().passed
    runner.run(study, tmp_path / "runs", "again")
    assert len(record.read(folder).verdicts) == 2


def test_a_study_ends_at_the_look_at_which_all_verdicts_are_in(phantoms, tmp_path, looks, capsys):
    looks({ARMS[1]: ["equivalent"], ARMS[2]: ["helps"]})
    runner.run(_study(tmp_path, phantoms), tmp_path / "runs", "once")
    folder = tmp_path / "runs/small"
    assert _trained(folder) == dict.fromkeys(ARMS, SEEDS[:2])
    assert "All verdicts are in: the study ends here" in capsys.readouterr().out
    assert "has ended" in json.loads((folder / "verdict.json").read_text())["look"]
    (entry,) = record.read(folder).verdicts
    assert entry["seeds"] == SEEDS[:2] and (entry["look"], entry["looks"]) == (1, 2)
