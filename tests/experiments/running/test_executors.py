"""Ray as the executor: the tables of a local run, byte for byte; failures and users' mistakes."""

import json
import os
import sys

import h5_arrays
import numpy as np
import pytest
import yaml
from tqdm import tqdm

from experiments import runner
from experiments.design import study_yaml
from experiments.reporting import report
from experiments.running import data_split, executors, status
from experiments.running.executors import jobs
from ufgen.errors import UserError
from ufgen.images.pixel_store import PixelStore

TABLES = ("images.csv", "metrics.csv", "predictions.csv", "deltas.csv", "verdict.json")
PRECISIONS = {"keras:MobileNet?alpha=0.25": "float32"}


def _study(folder, images):
    content = {
        "name": "small",
        "images": {"path": str(images), "resolution": 32},
        "generator": {"options": {"kimg": 0.032, "width": 4, "batch": 16, "precision": "float32"}},
        "arms": ["real", "real+synthetic@0.5"],
        "classifiers": ["keras:MobileNet?alpha=0.25"],
        "seeds": [0],
        "training": {"steps": 2, "batch": 8, "evaluations": 1, "precision": "float32"},
        "bootstrap": 100,
    }
    (folder / "small.yaml").write_text(yaml.safe_dump(content))
    return study_yaml.read(folder / "small.yaml")


def test_ray_gives_the_tables_of_a_local_run_and_records_failures(phantoms, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setattr(report, "write", lambda *_: None)  # the tables are compared
    small = _study(tmp_path, phantoms)
    runner.run(small, tmp_path / "local", "ufgen experiment small.yaml")
    with executors.choose("ray", cpus=os.cpu_count()) as cluster:
        runner.run(small, tmp_path / "ray", "again", executor=cluster)
        images = data_split.split_by_role(small, data_split.read_images(small))
        without_pixels = PixelStore(images.store.array[:0], {})
        context = jobs.StudyContext(small, {images.key: images}, without_pixels, PRECISIONS)
        broken = jobs.Job(small.trials()[0], images.fit, tmp_path / "broken", "")
        cluster.run_trials(context, [broken], tqdm(disable=True))
    for name in TABLES:
        one, two = (tmp_path / where / "small" / name for where in ("local", "ray"))
        assert one.read_bytes() == two.read_bytes(), name
    files = [sorted(tmp_path.glob(f"{where}/generators/*/*.h5")) for where in ("local", "ray")]
    assert files[0] and [f.name for f in files[0]] == [f.name for f in files[1]]
    for one, two in zip(*map(h5_arrays.read, files), strict=True):
        assert np.array_equal(one, two)
    failed = json.loads((tmp_path / "broken" / status.FAILED).read_text())
    assert "KeyError" in failed["traceback"] and "run_trial" in failed["traceback"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "spark"}, "expected local or ray"),
        ({"name": "local", "address": "auto"}, "need --executor ray"),
        ({"name": "local", "cpus": 2}, "need --executor ray"),
        ({"name": "ray", "gpus": 1.5}, "--gpus is 1.5"),
        ({"name": "ray", "address": "127.0.0.1:1"}, "cannot be reached at 127.0.0.1:1"),
        ({"name": "ray", "address": "nowhere"}, "cannot be reached at nowhere"),
    ],
)
def test_wrong_options_are_refused(options, message):
    if options["name"] == "ray":
        pytest.importorskip("ray")
    with pytest.raises(UserError, match=message) as refused, executors.choose(**options):
        pass
    assert "\n" not in str(refused.value)


def test_live_curves_of_other_machines_are_refused(monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("UFGEN_TENSORBOARD", "curves")
    with pytest.raises(UserError, match="tensorboard"), executors.choose("ray", "auto"):
        pass


def test_without_ray_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"ufgen\[ray\]"), executors.choose("ray"):
        pass


def test_a_node_with_other_versions_is_refused(monkeypatch):
    from experiments.running.executors import ray_tasks

    own = ray_tasks.versions()
    ray_tasks.check_versions(own)
    with pytest.raises(UserError, match=r"keras 0\.1: install the same on all nodes"):
        ray_tasks.check_versions(own | {"keras": "0.1"})
