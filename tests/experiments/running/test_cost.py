"""What training cost, added up by hand."""

import json

import pytest

from experiments.running import cost

TRIALS = [{"seconds": 60, "cpu_seconds": 90}, {"seconds": 30, "cpu_seconds": 30}]
GENERATORS = [{"seconds": 600, "cpu_seconds": 1080}]


@pytest.mark.parametrize(("watts", "joules"), [([], 1200 * 10), ([300], 1200 * 10 + 690 * 300)])
def test_cores_count_while_they_are_busy_and_gpus_all_the_time(monkeypatch, watts, joules):
    monkeypatch.setattr(cost, "gpu_watts", lambda: watts)
    found = cost.describe(TRIALS, GENERATORS)
    assert "1.5 min in 2 trials, 10.0 min in 1 generators" in found["training time"]
    assert found["energy (estimate)"].startswith(f"{joules / 3.6e6:.3g} kWh")


def test_a_generator_counts_once_however_many_sets_come_from_it(tmp_path):
    names = ["a-1", "a-2", "b-1"]
    for seconds, name in enumerate(names):
        folder = tmp_path / "synthetic" / name / "generator"
        folder.mkdir(parents=True)
        metadata = {"seconds": 7.0 + (name > "b"), "cpu_seconds": 9.0, "other": seconds}
        (folder / "complete.json").write_text(json.dumps(metadata))
    found = cost.of_generators(tmp_path, names)
    assert found == [{"seconds": 7.0, "cpu_seconds": 9.0}, {"seconds": 8.0, "cpu_seconds": 9.0}]
