"""How many workers there are, which trials they take, and when they pay."""

import pytest

from experiments.design.study import Study
from experiments.running import executors
from experiments.running.executors import threads, worker_count
from experiments.running.executors.job_queue import JobQueue
from experiments.running.executors.jobs import Job
from experiments.running.executors.local import LocalExecutor
from ufgen.errors import UserError
from ufgen.gan.recipe import Recipe

VARIABLE = "TF_NUM_INTRAOP_THREADS"


def _study(classifiers=("hybrid",), seeds=5, **training):
    return Study(
        name="s",
        arms=["real", "real+duplicated@1.0"],
        classifiers=list(classifiers),
        seeds=list(range(seeds)),
        training=training,
    )


@pytest.fixture
def machine(monkeypatch):
    """A machine without a GPU, of some cores and GB of memory; the variable for threads unset."""

    def of(cores, memory=1000):
        monkeypatch.delenv(VARIABLE, raising=False)
        monkeypatch.setattr(threads, "cores", lambda: cores)
        monkeypatch.setattr(worker_count, "available_memory", lambda: memory * 1e9)
        monkeypatch.setattr(worker_count, "has_gpu", lambda: False)

    return of


@pytest.mark.parametrize(
    ("cores", "memory", "set_threads", "requested", "expected"),
    [
        (2, 1000, None, None, 2),
        (64, 1000, None, None, 10),  # trials
        (8, 7, None, None, 3),  # 2.3 GB each
        (8, 1, None, None, 1),
        (8, 1000, "4", None, 2),
        (2, 1, None, 5, 5),
        (2, 1, None, 50, 10),
    ],
)
def test_workers_are_counted(machine, monkeypatch, cores, memory, set_threads, requested, expected):
    machine(cores, memory)
    if set_threads:
        monkeypatch.setenv(VARIABLE, set_threads)
    study = _study()
    assert worker_count.choose(study, study.trials(), requested) == expected


@pytest.mark.parametrize(
    ("cores", "memory", "set_threads", "requested", "options", "expected"),
    [
        (2, 1000, None, None, {}, (2, 1)),
        (64, 1000, None, None, {}, (6, 10)),  # generators
        (8, 7, None, None, {}, (3, 2)),  # 2.3 GB each
        (8, 1, None, None, {}, (1, 8)),
        (8, 1000, "4", None, {}, (2, 4)),
        (2, 1000, None, 1, {}, (1, 2)),
        (8, 1000, "1", 1, {}, (1, 1)),
        (2, 1, None, 4, {}, (4, 1)),
        (2, 1, None, 50, {}, (6, 1)),
        (2, 1000, None, None, {"minutes": 1.0}, (1, 2)),  # of the whole machine
        (2, 1000, None, None, {"kimg": 0.6}, (1, 2)),  # too short to start processes for
        (2, 1000, None, None, {"kimg": 0.7}, (2, 1)),
        (2, 1000, None, None, {"kimg": 0.7, "resolution": 32}, (1, 2)),
    ],
)
def test_generators_side_by_side_are_counted_and_share_the_cores(
    machine, monkeypatch, cores, memory, set_threads, requested, options, expected
):
    machine(cores, memory)
    if set_threads:
        monkeypatch.setenv(VARIABLE, set_threads)
    recipe = Recipe(**{"resolution": 64, "batch": 16, "kimg": 20.0} | options)
    count = worker_count.of_generators(recipe, 6, requested)
    assert (count, threads.of_a_generator(count)) == expected
    monkeypatch.setattr(worker_count, "has_gpu", lambda: True)
    assert worker_count.of_generators(recipe, 6) == 1


def test_a_gpu_has_one_trial_at_a_time(machine, monkeypatch):
    machine(8)
    monkeypatch.setattr(worker_count, "has_gpu", lambda: True)
    study = _study()
    assert worker_count.choose(study, study.trials()) == 1
    assert worker_count.may_stay(study, study.trials())
    with pytest.raises(UserError, match="--executor ray --gpus"):
        LocalExecutor(2)


def test_whole_networks_are_trained_by_one_thread_wherever_that_is(machine, monkeypatch):
    head = {"trained": "head"}
    weights = [{"name": "mobilenet_v3", "weights": "imagenet", "training": head}]
    study, mixed = _study(weights), _study([*weights, "hybrid"])
    phases = {"frozen_steps": 10, "trained": "last_block"}
    tuned = _study([{"name": "mobilenet_v3", "weights": "imagenet", "training": phases}])
    machine(2)
    assert threads.of_a_trial() == 1 and threads.of_this_process() == 2
    assert worker_count.may_stay(study, study.trials())
    assert worker_count.choose(study, study.trials()) == 1  # heads: slower in workers
    assert worker_count.choose(study, study.trials(), requested=2) == 2
    assert worker_count.choose(mixed, mixed.trials()) == 2
    assert not worker_count.may_stay(mixed, mixed.trials())
    assert not worker_count.may_stay(tuned, tuned.trials())
    monkeypatch.setenv(VARIABLE, "1")
    assert worker_count.may_stay(mixed, mixed.trials())
    machine(1)
    assert worker_count.may_stay(mixed, mixed.trials())


@pytest.mark.parametrize("text", ["0", "two", "", "-1"])
def test_a_wrong_number_of_threads_is_named(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(UserError, match=f"{VARIABLE} is '{text}'"):
        threads.of_a_trial()


def test_workers_pay_where_they_are_a_fifth_faster_their_start_included():
    start = worker_count.START_SECONDS + 5
    assert not worker_count.pays(5, 3 * start - 1, 2)  # 3 against 1 + 1.5
    assert worker_count.pays(5, 3 * start + 1, 2)
    assert not worker_count.pays(5, 12 / 7 * start - 1, 4)
    assert worker_count.pays(5, 12 / 7 * start + 1, 4)
    assert not worker_count.pays(0, 1e9, 1)


def _jobs(*arguments, **options):
    return [Job(trial, None, None, "") for trial in _study(*arguments, **options).trials()]


def test_each_worker_keeps_its_network_and_its_seed():
    jobs = _jobs(["hybrid", "mobilenet_v3"], seeds=2)
    queue = JobQueue(jobs, 2)
    taken = [[queue.take(worker) for worker in (0, 1)] for _ in range(4)]
    one, two = zip(*taken, strict=True)
    assert list(one) == jobs[:4] and list(two) == jobs[4:]
    assert queue.take(0) is None and queue.take(1) is None


def test_who_is_done_helps_the_others():
    jobs = _jobs(["hybrid"], seeds=1) + _jobs(["mobilenet_v3"], seeds=2)
    queue = JobQueue(jobs, 3)
    taken = [queue.take(worker) for worker in (0, 1, 2, 2, 2, 2, 2)]
    assert taken == [jobs[i] for i in (0, 2, 4, 5, 1, 3)] + [None]


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 30])
def test_each_trial_is_taken_once(workers):
    jobs = _jobs(["hybrid", "mobilenet_v3"], seeds=3)
    queue, taken = JobQueue(jobs, workers), []
    while found := [job for worker in range(workers) if (job := queue.take(worker))]:
        taken += found
    assert sorted(map(jobs.index, taken)) == list(range(len(jobs)))


def test_ray_has_workers_of_its_own():
    with pytest.raises(UserError, match="--workers"), executors.choose("ray", workers=2):
        pass
