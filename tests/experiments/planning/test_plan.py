"""What a plan counts, by hand from the cost of each part; no time is measured here."""

import re

import pytest
from small_study import write
from typer.testing import CliRunner

from experiments.design import study_yaml
from experiments.design.study import ClassifierOptions
from experiments.planning import generator_timing, plan, timing
from ufgen.cli import app

GENERATOR = generator_timing.GeneratorCost(
    beside=1, start=10, step=0.5, evaluation=2, generation=30
)


def _study(folder, tmp_path, **changes):
    text = (
        "name: s\nimages: {path: FOLDER, positive: UF, resolution: 32}\n"
        "generator: {recipe: dcgan, options: OPTIONS, seeds: [0, 1]}\n"
        "arms: [real, real+classical, real+synthetic@1.0, 'real+synthetic@1.0:filtered']\n"
        "classifiers: [hybrid]\nseeds: [0, 1, 2]\n"
    )
    options = "{kimg: 25.6, evaluate_kimg: 10, batch: 32, steps_per_call: 8}"
    file = tmp_path / "s.yaml"
    file.write_text(text.replace("FOLDER", str(folder)).replace("OPTIONS", options))
    return study_yaml.read(file)


@pytest.fixture
def costs(monkeypatch):
    """Each part costs a round number of seconds."""
    cost = timing.ClassifierCost(start=100, seed=7, trial={"none": 20, "light": 21})
    monkeypatch.setattr(timing, "time_classifier", lambda *_: cost)
    monkeypatch.setattr(generator_timing, "measure", lambda *_: GENERATOR)
    monkeypatch.setattr(timing, "time_bootstrap", lambda *_: 4)
    monkeypatch.setattr(timing, "time_report", lambda *_: 50)


def test_a_plan_counts_every_part_as_often_as_a_run_needs_it(folder, tmp_path, costs):
    study = _study(folder, tmp_path)
    trials = 3 * (1 + 1 + 2 + 2)
    classifiers = 100 + 3 * 7 + (trials - 3) * 20 + 3 * 21
    steps, evaluations = 25_600 / 32, 3
    generators = 2 * (10 + steps * 0.5 + evaluations * 2 + 2 * 30)
    estimate = plan.plan(study, workers=1)
    start = estimate.seconds - (classifiers + generators + trials * 4 + 50)
    assert 0 <= start < 120
    minutes = f"{classifiers / 60:.1f}"
    assert any(line.split()[-1] == minutes for line in estimate.lines if "hybrid" in line)
    assert not any("Worker processes" in line for line in estimate.lines)


def test_trials_side_by_side_share_all_but_the_start_of_each_network(folder, tmp_path, costs):
    estimate = plan.plan(_study(folder, tmp_path), workers=2)
    minutes = f"{(100 + (3 * 7 + 15 * 20 + 3 * 21) / 2) / 60:.1f}"
    assert any(line.split()[-1] == minutes for line in estimate.lines if "hybrid" in line)
    assert "Worker processes, which train trials side by side: 2" in estimate.lines


def test_generators_side_by_side_take_as_long_as_the_rounds_that_they_need(
    folder, tmp_path, costs, monkeypatch
):
    def planned(generators, beside):
        study = _study(folder, tmp_path)
        options = study.generator.model_copy(update={"seeds": list(range(generators))})
        cost = GENERATOR._replace(beside=beside)
        asked = []
        monkeypatch.setattr(generator_timing, "measure", lambda *given: asked.append(given) or cost)
        found = plan._generators(
            study.model_copy(update={"generator": options}), None, generators, None
        )
        assert asked[0][2] == generators
        return found

    training = 10 + 25_600 / 32 * 0.5 + 3 * 2
    seconds, line = planned(5, 2)
    assert seconds == pytest.approx(3 * training + 5 * 2 * 30)
    assert "6.9 min each, 2 side by side" in line
    assert "side by side" not in planned(5, 1)[1]


@pytest.mark.parametrize(
    ("classifier", "warned"),
    [
        ({"name": "hybrid", "training": {"steps": 599}}, True),
        ({"name": "hybrid", "training": {"steps": 600}}, False),
        ({"name": "mobilenet_v3", "weights": "imagenet", "training": {"steps": 20}}, False),
    ],
)
def test_a_plan_says_which_network_will_not_learn(folder, tmp_path, costs, classifier, warned):
    chosen = [ClassifierOptions.model_validate(classifier)]
    study = _study(folder, tmp_path).model_copy(update={"classifiers": chosen})
    lines = plan.plan(study, workers=1).lines
    found = [line for line in lines if "starts from random weights" in line]
    assert len(found) == warned and all("hybrid" in line and "599 steps" in line for line in found)


def test_a_plan_by_looks_is_the_worst_case_and_says_so(folder, tmp_path, costs):
    study = _study(folder, tmp_path)
    by_looks = plan.plan(study.model_copy(update={"looks": [2, 3]}))
    assert [line for line in by_looks.lines if "Looks at 2, 3 seeds" in line and "worst" in line]
    assert "Looks at" not in "\n".join(plan.plan(study).lines)
    assert by_looks.lines[0] == plan.plan(study).lines[0]  # all trials


def test_totals_come_last_and_trials_only_if_asked_for(folder, tmp_path, costs):
    study, runs = _study(folder, tmp_path), tmp_path / "not" / "yet"
    text = plan.write_plan([study, study], runs)
    assert study.trials()[0].title not in text
    total, disk = text.splitlines()[-2:]
    assert total.startswith("Estimated time: ") and f"are free in {runs}" in disk
    listed = plan.write_plan([study], runs, listed=True)
    assert all(trial.title in listed for trial in study.trials())
    assert listed.splitlines()[-2].startswith("Estimated time: ") and not runs.exists()


def test_the_free_space_is_that_of_the_disk_of_the_runs(tmp_path, monkeypatch):
    assert plan.nearest_folder(tmp_path / "a" / "b") == tmp_path
    monkeypatch.chdir(tmp_path)
    assert plan.nearest_folder("runs") == tmp_path


@pytest.mark.parametrize(
    ("seconds", "text"), [(7.4, "7 s"), (250, "4.2 min"), (3000, "50 min"), (9000, "2.5 h")]
)
def test_durations_are_rounded_as_people_say_them(seconds, text):
    assert plan.duration(seconds) == text


def test_the_median_leaves_the_first_call_out(monkeypatch):
    clock = iter([0, 100, 200, 203, 300, 301, 400, 402])  # calls of 100, 3, 1 and 2 seconds
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    assert timing.median_seconds(lambda: None) == 2


def test_every_message_names_the_same_shipped_studies():
    shipped = ", ".join(study_yaml.shipped())
    assert "demo" in shipped
    for words in (["experiment"], ["experiment", "odd.yaml"]):
        result = CliRunner().invoke(app, words)
        assert result.exit_code != 0
        assert shipped in " ".join(str(result.exception).split())
    help_text = CliRunner().invoke(app, ["experiment", "--help"]).output
    assert all(name in help_text for name in study_yaml.shipped())


def test_the_demo_is_meant_by_its_name_or_by_the_option():
    from ufgen.cli.experiment import _study_name
    from ufgen.errors import UserError

    assert (
        _study_name("demo", False, [])
        == _study_name(None, True, [])
        == _study_name("demo", True, [])
        == "demo"
    )
    with pytest.raises(UserError, match="leave one out"):
        _study_name("quick", True, [])


def test_a_plan_counts_everything_and_writes_nothing(phantoms, tmp_path):
    arms = ["real", "real+synthetic@0.5"]
    small = study_yaml.read(write(tmp_path / "s.yaml", phantoms, arms=arms))
    text = plan.write_plan([small], tmp_path / "runs", listed=True)
    assert all(f"  {trial.title}\n" in text for trial in small.trials())
    assert re.search(r"keras:MobileNet\?alpha=0\.25 +6 +4 ", text) and "Generators: 2 of" in text
    last = text.splitlines()[-2:]
    assert last[0].startswith("Estimated time: ") and last[1].startswith("Estimated disk: ")
    assert not (tmp_path / "runs").exists()
