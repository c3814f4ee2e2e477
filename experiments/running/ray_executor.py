"""Generators and trials as tasks on a Ray cluster, whose nodes need share no file system."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np

from experiments.design.study import Study
from experiments.running import status
from experiments.running.data_split import DataSplit
from experiments.running.jobs import Job, StudyContext, attempt, mention_failure
from ufgen import provenance
from ufgen.atomic import atomic_folder
from ufgen.display import tensorboard
from ufgen.errors import UserError
from ufgen.images.image_set import ImageSet
from ufgen.images.pixel_store import PixelStore
from ufgen.progress import Progress, say

PASSED_ON = ("UFGEN_", "XLA_", "JAX_", "NPROC", "MPLBACKEND", "TF_DETERMINISTIC_OPS", "TF_CPP_")
PASSED_ON += ("TF_ENABLE_", "TF_FORCE_", "TF_GPU_", "TF_NUM_", "TF_XLA_")
RETRIES = 10
SECONDS_TO_CONNECT = 5


class Ray:
    """Each training is a task, and is run again if it is lost with its process or its node.

    Without an `address` a cluster on this machine is started, and stopped at the end. `cpus` and
    `gpus`, or fractions of one, are reserved for each training. Raises UserError.
    """

    def __init__(self, address: str | None, cpus: float, gpus: float):
        try:
            import ray
        except ImportError:
            raise UserError('Ray is not installed: pip install "ufgen[ray]"') from None
        if gpus > 1 and gpus % 1:
            raise UserError(f"--gpus is {gpus:g}: expected a whole number, or a fraction of one")
        if address and tensorboard.VARIABLE in os.environ:
            raise UserError(
                "--tensorboard cannot be followed on other machines: leave it or --address out"
            )
        self._ray, self._reserved = ray, {"num_cpus": cpus, "num_gpus": gpus}
        self._connect(address, gpus)
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        total = [sum(node.get(kind, 0) for node in nodes) for kind in ("CPU", "GPU")]
        self.description = f"Ray: {len(nodes)} nodes, {total[0]:g} CPUs, {total[1]:g} GPUs"
        if not any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes):
            self.close()
            raise UserError(
                f"no node of the cluster has {cpus:g} CPUs and {gpus:g} GPUs for a training "
                f"({self.description}): ask for less with --cpus and --gpus"
            )
        say(f"{self.description}; {cpus:g} CPUs and {gpus:g} GPUs for each training")

    def _connect(self, address: str | None, gpus: float) -> None:
        if address == "auto":
            address = os.environ.get("RAY_ADDRESS", "auto")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if gpus:  # no process, this one included, takes all memory of a GPU
            os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
            os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        try:
            if address not in (None, "auto"):  # Ray itself would try for minutes
                host, _, port = address.rpartition(":")
                socket.create_connection((host, int(port)), SECONDS_TO_CONNECT).close()
            self._ray.init(
                address=address or "local",
                runtime_env={"env_vars": _environment(gpus)},
                include_dashboard=False,
                logging_level="error",
                log_to_driver=False,
            )
        except (
            OSError,
            OverflowError,
            RuntimeError,
            ValueError,
            self._ray.exceptions.RayError,
        ) as error:
            reason = str(error).strip().split("\n")[0]
            raise UserError(
                f"Ray cannot be reached at {address or 'this machine'} ({reason}): expected "
                "--address HOST:PORT of `ray start --head`, or auto on a machine of the cluster; "
                "and RAY_AUTH_MODE=token if it asks for a token"
            ) from None

    def close(self) -> None:
        """Leave the cluster, or stop it if it was started here."""
        self._ray.shutdown()

    def train_generators(self, study: Study, prepared: list[DataSplit], root: Path) -> None:
        """Train all generators that are not finished in `root`, at once. Raises what one raised."""
        missing = _missing_generators(study, prepared, root)
        if not missing:
            return
        from ufgen.gan.generator_folder import GeneratorFolder

        task = self._ray.remote(**self._reserved, max_retries=RETRIES)(_train_generator)
        store = self._put(prepared[0].store)
        by = _versions()
        tasks = {task.remote(by, store, *asked): folder for folder, asked in missing.items()}
        with Progress(total=len(tasks), desc="training generators", unit="generator") as bar:
            for folder, files in self._finished(tasks):
                if isinstance(files, Exception):
                    raise files
                with GeneratorFolder(folder).lock():  # another study may train the same one
                    if not GeneratorFolder(folder).complete:
                        _write(folder, files)
                bar.update()

    def run_trials(self, shared: StudyContext, jobs: list[Job], bar: Progress) -> None:
        """Train and evaluate all, several at a time; each is written as soon as it has finished."""
        if not jobs:
            return
        put = self._ray.put
        study, store = put(shared.study), self._put(shared.store)
        prepared = {split: put(p._replace(store=None)) for split, p in shared.prepared.items()}
        # max_calls=0: with a GPU, Ray would end a process, and its compiled network, at each task
        task = self._ray.remote(**self._reserved, max_retries=RETRIES, max_calls=0)(_train_trial)
        tasks, by = {}, _versions()
        for job in jobs:
            split, precision = job.trial.split, shared.precisions[job.trial.classifier.name]
            asked = study, job.trial, prepared[split], store, job.training_set, precision
            tasks[task.remote(by, job.place.name, *asked)] = job
        for number, ((trial, _, place, _), files) in enumerate(self._finished(tasks), 1):
            if isinstance(files, Exception):
                status.record(place, trial, files)
            else:
                _write(place, files)
            mention_failure(trial, place)
            bar.set_description(f"{number}/{len(jobs)} trials")
            bar.update(shared.study.training_of(trial.classifier).steps)

    def _put(self, store: PixelStore):
        """Put the pixels where the tasks of a node share one copy of them."""
        return self._ray.put(PixelStore(np.asarray(store.array), store.rows))

    def _finished(self, tasks: dict) -> Iterator[tuple]:
        """What each task was for, and what it returned, or Ray's error if it was lost for good.

        Raises what a task raised. What has not finished then, or at Ctrl-C, is cancelled.
        """
        errors = self._ray.exceptions
        try:
            while tasks:
                [task], _ = self._ray.wait(list(tasks))
                try:
                    found = self._ray.get(task)
                except errors.RayTaskError as error:
                    raise error.cause from error
                except errors.RayError as error:
                    found = error
                yield tasks.pop(task), found
        finally:
            for task in tasks:
                self._ray.cancel(task, force=True)


def _environment(gpus: float) -> dict[str, str]:
    """The driver's settings for the workers, and as many threads: sums depend on their number."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count())
    found = {"TF_NUM_INTRAOP_THREADS": str(len(cores)), "NPROC": str(len(cores))}
    if gpus == 0:
        found["CUDA_VISIBLE_DEVICES"] = ""
    found |= {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
    return found | {"KERAS_BACKEND": keras.backend.backend()}


def _missing_generators(study: Study, prepared: list[DataSplit], root: Path) -> dict[Path, tuple]:
    """The folder of each generator that is not finished: its training images and recipe."""
    from ufgen.fidelity.feature_extractors import texture
    from ufgen.gan.generator_folder import (
        GeneratorFolder,
        generator_key,
        generator_settings,
        mention_other_versions,
    )

    found, settings = {}, set()
    if any(arm.synthetic for arm in study.parsed_arms()):
        for fit, store in ((divided.fit, divided.store) for divided in prepared):
            for seed in study.generator.seeds:
                recipe = study.generator_recipe(seed=seed)
                asked = fit, store.take(fit), recipe, texture()
                folder = Path(root) / generator_key(*asked)
                if not GeneratorFolder(folder).complete:
                    found[folder] = fit, recipe
                    settings.add(generator_settings(*asked))
    mention_other_versions(root, settings)
    return found


def _check_version(by: dict[str, str]) -> None:
    """Raise UserError if this node computes with other versions than the command's machine."""
    if (found := _versions()) != by:
        differing = [name for name in {**by, **found} if by.get(name) != found.get(name)]
        raise UserError(
            f"{socket.gethostname()} has {_text(found, differing)}, the machine of the command "
            f"{_text(by, differing)}: install the same on all nodes"
        )


def _versions() -> dict[str, str]:
    return provenance.made_by(
        "training", "experiments.running.trial", "ufgen.gan", "ufgen.images.pixel_store"
    )


def _text(by: dict[str, str], names: list[str]) -> str:
    return ", ".join(f"{name} {by.get(name) or 'none'}" for name in names)


def _train_generator(by: dict, store: PixelStore, fit: ImageSet, recipe) -> dict[str, bytes]:
    """A task: the files of one generator, made `by` these versions."""
    _check_version(by)
    from ufgen.gan.training.trainer import train_generator

    with TemporaryDirectory() as folder:
        return _read(train_generator(fit, store.take(fit), recipe, Path(folder), progress=False))


def _train_trial(by: dict, name: str, *asked) -> dict[str, bytes]:
    """A task: the files of the trial `name`, of whose `attempt` the first arguments are `asked`."""
    _check_version(by)
    _keep_to_one_gpu()
    with TemporaryDirectory() as folder:
        attempt(*asked, Path(folder) / name)
        return _read(Path(folder) / name)


_gpus: list[list[str]] = []


def _keep_to_one_gpu() -> None:
    """End this process if it began on another GPU than it has now: Ray runs the task in a new one.

    TensorFlow and JAX use the GPUs that they first found.
    """
    import ray

    _gpus.append(ray.get_runtime_context().get_accelerator_ids().get("GPU", []))
    if _gpus[0] != _gpus[-1]:
        os._exit(1)


def _read(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _write(folder: Path, files: dict[str, bytes]) -> None:
    with atomic_folder(folder) as temporary:
        for name, content in files.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            (temporary / name).write_bytes(content)
