"""A study for a given time: a pilot is run, a design chosen, and nothing is trained twice."""

import json
from types import SimpleNamespace

import pytest
from small_study import write

from experiments import budget, runner, statistics
from experiments.design import study_yaml
from experiments.planning.budget_design import Costs
from experiments.running.executors.local import LocalExecutor
from ufgen.errors import UserError

pytestmark = pytest.mark.usefixtures("small_network")
COSTS = Costs(start=1.0, generator=2.0, seed=0.5, plain=0.5, synthetic=0.5)
ARMS = ["real", "real+synthetic@0.5"]
TRAINING = {"steps": 30, "batch": 8, "evaluations": 2, "precision": "float32"}


def _study(tmp_path, phantoms, **changes):
    changes = {"arms": ARMS, "training": TRAINING} | changes
    return study_yaml.read(write(tmp_path / "s.yaml", phantoms, **changes))


def test_the_trials_of_the_pilot_are_kept_and_the_design_is_chosen_once(
    phantoms, tmp_path, monkeypatch, capsys, no_page
):
    """Without folds, so that it takes seconds: the pilot is then the smallest design itself."""
    monkeypatch.setattr(budget, "measure", lambda study: COSTS)
    small, root = _study(tmp_path, phantoms), tmp_path / "runs"
    hours = COSTS.of(1, 3, 5) / 3600 / 0.75 + 1e-3
    chosen = budget.design(small, root, hours, LocalExecutor())
    assert chosen.generator.seeds[:3] == [0, 1, 2] and chosen.seeds[:5] == [0, 1, 2, 3, 4]
    assert "expected half-width of the headline's interval ±" in capsys.readouterr().out
    before = {file: file.stat().st_mtime_ns for file in root.rglob("trial.json")}
    assert len(before) == 5 + 15
    report = runner.run(chosen, root, "ufgen experiment s.yaml --hours 1")
    after = {file: file.stat().st_mtime_ns for file in root.rglob("trial.json")}
    assert len(after) == len(chosen.trials()) and before.items() <= after.items()
    assert "interval: ±" in budget.reached(json.loads((report.parent / "verdict.json").read_text()))
    monkeypatch.setattr(budget, "measure", None)
    assert budget.design(small, root, hours, LocalExecutor()) == chosen


@pytest.mark.parametrize(("seconds", "mentioned"), [(7000.0, True), (10.0, False)])
def test_a_pilot_that_took_too_long_is_mentioned(
    phantoms, tmp_path, monkeypatch, capsys, seconds, mentioned
):
    components = statistics.Components(1e-4, 1e-4, 1e-4, 1e-4)
    slow = COSTS._replace(generator=2000.0)
    monkeypatch.setattr(budget, "measure", lambda study: COSTS)
    monkeypatch.setattr(budget, "run_pilot", lambda *_: (components, 20, slow))
    clock = SimpleNamespace(perf_counter=iter([0.0, seconds]).__next__)
    monkeypatch.setattr(budget, "time", clock)
    chosen = budget.design(_study(tmp_path, phantoms), tmp_path, 1.0, LocalExecutor())
    assert (len(chosen.generator.seeds), len(chosen.seeds)) == (3, 5) or not mentioned
    assert ("more than was asked for" in capsys.readouterr().out) == mentioned


def test_the_pilot_of_folds_is_the_first_one_and_counts_the_test_groups_of_all(
    phantoms, tmp_path, monkeypatch
):
    small = _study(tmp_path, phantoms, folds=2, seeds=[0, 1, 2])
    found = budget.run_pilot(small, tmp_path / "runs", LocalExecutor(), COSTS)
    trials = [json.loads(file.read_text()) for file in tmp_path.rglob("trial.json")]
    assert {trial["fold"] for trial in trials} == {0} and len(trials) == 3 + 2 * 3
    components, groups, costs = found
    assert min(components) >= 0 and groups == 2 * 5
    assert costs.generator >= COSTS.generator and costs.plain >= COSTS.plain


def test_designs_that_cannot_be_chosen_are_refused(phantoms, tmp_path):
    without = _study(tmp_path, phantoms, arms=["real", "real+classical"])
    with pytest.raises(UserError, match="needs an arm with synthetic images"):
        budget.design(without, tmp_path / "runs", 1.0, LocalExecutor())
    parts = without.images.model_copy(update={"parts": 2})
    parts = _study(tmp_path, phantoms).model_copy(update={"images": parts})
    looks = _study(tmp_path, phantoms, seeds=[0, 1, 2], looks=[2, 3])
    with pytest.raises(UserError, match="which looks fix"):
        budget.design(looks, tmp_path / "runs", 1.0, LocalExecutor())
    with pytest.raises(UserError, match=r"images\.parts"):
        budget.design(parts, tmp_path / "runs", 1.0, LocalExecutor())
