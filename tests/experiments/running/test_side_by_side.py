"""Generators and trials in workers: the same bytes, failures recorded, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from types import SimpleNamespace

import h5_arrays
import keras
import numpy as np
import pytest
import yaml
from tqdm import tqdm

from experiments.design import study_yaml
from experiments.running import data_split, status, synthetic_images
from experiments.running.executors import side_by_side, threads
from experiments.running.executors.jobs import Job, StudyContext
from experiments.running.executors.local import LocalExecutor
from experiments.running.executors.worker import Worker
from ufgen.errors import UserError
from ufgen.gan.training import trainer

NETWORK = "keras:MobileNet?alpha=0.25"
STEPS = 3


def _study(folder, images, **changes):
    content = {
        "name": "small",
        "images": {"path": str(images), "resolution": 32},
        "arms": ["real", "real+duplicated@1.0"],
        "classifiers": [NETWORK],
        "seeds": [0, 1],
        "training": {"steps": STEPS, "batch": 8, "evaluations": 1, "precision": "float32"},
        "bootstrap": 100,
    }
    (folder / "small.yaml").write_text(yaml.safe_dump(content | changes))
    return study_yaml.read(folder / "small.yaml")


def _context(study):
    images = data_split.split_by_role(study, data_split.read_images(study))
    precisions = {classifier.name: "float32" for classifier in study.classifiers}
    return StudyContext(study, {images.key: images}, images.store, precisions)


def _jobs(context, folder):
    (images,) = context.data_splits.values()
    fit, trials = images.fit, enumerate(context.study.trials())
    return [Job(trial, fit, folder / str(number), "") for number, trial in trials]


class _Death:
    """The process that reads it ends."""

    def __reduce__(self):
        return os._exit, (1,)


def test_workers_give_the_bytes_of_this_process_and_record_what_fails(phantoms, tmp_path, capsys):
    context = _context(_study(tmp_path, phantoms))
    LocalExecutor().run_trials(context, _jobs(context, tmp_path / "here"), tqdm(disable=True))
    jobs = _jobs(context, tmp_path / "beside")
    first = jobs[0].trial
    broken = Job(first, None, tmp_path / "beside" / "broken", "")
    deadly = Job(first, _Death(), tmp_path / "beside" / "deadly", "")
    executor = LocalExecutor(2)
    with tqdm(total=STEPS * len(jobs), file=sys.stderr) as bar:
        executor.run_trials(context, [broken, deadly, *jobs], bar)
        assert bar.n == bar.total
    assert executor.description == "local, worker processes: 2, of 1 thread"
    for number in range(len(jobs)):
        one, two = (tmp_path / where / str(number) for where in ("here", "beside"))
        for name in ("predictions.csv", "history.csv"):
            assert (one / name).read_bytes() == (two / name).read_bytes()
    failed = json.loads((broken.folder / status.FAILED).read_text())
    assert "AttributeError" in failed["traceback"] and "run_trial" in failed["traceback"]
    assert "ended abruptly" in json.loads((deadly.folder / status.FAILED).read_text())["error"]
    assert capsys.readouterr().out.count("failed: ") == 2


def test_a_users_mistake_in_a_worker_is_raised_here(phantoms, tmp_path):
    classifiers = [{"name": NETWORK, "weights": str(tmp_path / "small.yaml")}]
    context = _context(_study(tmp_path, phantoms, classifiers=classifiers))
    with pytest.raises(UserError, match=r"small\.yaml"):
        side_by_side.run(context, _jobs(context, tmp_path), 1, tqdm(disable=True))


def test_a_head_has_the_bytes_of_one_thread_with_two(phantoms, tmp_path, monkeypatch):
    """And so may be trained in this process, which has a thread for each core."""
    backbone = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    backbone.save_weights(tmp_path / "small.weights.h5")
    classifiers = [{"name": "mobilenet_v3_small", "weights": str(tmp_path / "small.weights.h5")}]
    training = {"trained": "head", "steps": 40, "evaluations": 2}
    changes = {"classifiers": classifiers, "training": training, "seeds": [0]}
    context = _context(_study(tmp_path, phantoms, **changes))
    one, two = _jobs(context, tmp_path / "1")[:1], _jobs(context, tmp_path / "2")[:1]
    LocalExecutor().run_trials(context, one, tqdm(disable=True))
    monkeypatch.setenv(threads.VARIABLES["tensorflow"], "2")
    side_by_side.run(context, two, 1, tqdm(disable=True))
    predictions = [(job.folder / "predictions.csv").read_bytes() for job in (*one, *two)]
    assert predictions[0] == predictions[1]


GENERATOR = {"options": {"kimg": 0.032, "width": 4, "batch": 16, "precision": "float32"}}


def _missing(folder, images, seeds, root):
    arms = ["real", "real+synthetic@1.0"]
    study = _study(folder, images, arms=arms, generator=GENERATOR | {"seeds": seeds})
    split = data_split.split_by_role(study, data_split.read_images(study))
    return study, split, synthetic_images.missing_generators(study, [split], root)


def test_generators_in_workers_have_the_weights_of_this_process(phantoms, tmp_path, capsys):
    study, split, missing = _missing(tmp_path, phantoms, [0, 1], tmp_path / "beside")
    LocalExecutor(1).train_generators(study, [split], tmp_path / "beside")
    assert not list(tmp_path.glob("beside/*/complete.json"))  # later, with a bar of its own
    LocalExecutor(2).train_generators(study, [split], tmp_path / "beside")
    assert sorted(tmp_path.glob("beside/*/complete.json")) == [
        folder / "complete.json" for folder in sorted(missing)
    ]
    assert "generators, 2 side by side" in capsys.readouterr().err
    beside, (fit, recipe) = next(iter(missing.items()))
    here = trainer.train_generator(fit, split.store.take(fit), recipe, tmp_path / "here", False)
    files = sorted(here.glob("*.h5"))
    arrays = [h5_arrays.read(folder / file.name for file in files) for folder in (here, beside)]
    assert len(arrays[0]) > 10 and all(map(np.array_equal, *arrays))


def test_a_generator_that_is_lost_ends_the_study_with_a_message(phantoms, tmp_path):
    *_, missing = _missing(tmp_path, phantoms, [0], tmp_path)
    deadly = SimpleNamespace(take=lambda fit: _Death())
    with pytest.raises(UserError, match="a generator's training was lost"):
        side_by_side.train_generators(missing, deadly, 1, 1)


def test_a_worker_has_one_thread_ignores_ctrl_c_and_ends_in_the_middle_of_its_job(monkeypatch):
    monkeypatch.delenv(threads.VARIABLES["tensorflow"])  # of the tests
    worker = Worker()
    assert worker.run(os.getenv, threads.VARIABLES["tensorflow"]) == "1"
    assert signal.SIGINT in worker.run(signal.pthread_sigmask, signal.SIG_BLOCK, [])
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    job = worker.submit(time.sleep, 60)
    worker.end()
    assert isinstance(job.exception(), BrokenProcessPool)


def _is_empty(group):
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_ctrl_c_ends_all_processes_at_once_and_keeps_what_is_finished(phantoms, tmp_path):
    _study(tmp_path, phantoms, seeds=list(range(40)))
    command = [sys.executable, "-m", "ufgen", "experiment", "small.yaml", "--workers", "2"]
    running = subprocess.Popen(
        command,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a process in the background of a shell ignores Ctrl-C, and so would all that it starts
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    while not (finished := list(tmp_path.glob("runs/small/trials/[!.]*/trial.json"))):
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)  # a terminal sends it to the workers, too
    _, said = running.communicate(timeout=300)
    assert running.returncode == 130
    assert "Stopped. What is finished is kept" in said and "Traceback" not in said
    assert _is_empty(running.pid) and finished[0].is_file()
