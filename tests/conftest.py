"""Fixtures: small image sets, a small classifier, and a cache for the tests alone."""

import gc
import os
import subprocess
import sys
from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
THREADS += ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
for name in THREADS:  # tests run side by side: a core for each
    os.environ.setdefault(name, "1")

ROOT = Path(__file__).parents[1]  # processes that tests start run this checkout's code
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])

from ufgen.environment import prepare  # noqa: E402

prepare()  # the kernels of the command line, before anything imports Keras

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from filelock import FileLock  # noqa: E402
from PIL import Image  # noqa: E402

from ufgen import cli, phantom  # noqa: E402


def pytest_collection_finish():
    """Ignore what is imported by now: collecting garbage in it takes most of a short test."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    os.environ["UFGEN_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def run_here(capsys, monkeypatch):
    """A function that runs a command of ufgen in this process, which has imported Keras already."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["ufgen", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return subprocess.CompletedProcess(arguments, ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def picture():
    """A function that writes a random picture, a different one for each seed."""

    def write(path, seed=0, size=(40, 36), mode="L"):
        rng = np.random.default_rng(seed)
        bands = {"L": (), "RGB": (3,)}[mode]
        path.parent.mkdir(parents=True, exist_ok=True)
        array = rng.integers(0, 256, (*size, *bands), dtype=np.uint8)
        Image.fromarray(array).save(path)
        return path

    return write


@pytest.fixture
def folder(tmp_path, picture):
    """UF_dataset with 6 training and 3 test images per class."""
    root, seed = tmp_path / "UF_dataset", 0
    for split, count in (("train", 6), ("test", 3)):
        for label in ("UF", "NUF"):
            for i in range(count):
                seed += 1
                picture(root / split / label / f"{label}_{split}_p{i // 2}_{i}.png", seed)
    return root


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """A function that has a folder filled, once for all processes that test side by side."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root

    def filled(name, fill):
        with FileLock(root / f"{name}.lock"):
            if not (root / f"{name}.filled").exists():
                fill(root / name)
                (root / f"{name}.filled").touch()
        return root / name

    return filled


@pytest.fixture(scope="session")
def phantoms(once):
    """A phantom set of 40 training and 24 test images at 32 px."""
    return once("phantoms", lambda folder: phantom.write_set(folder, 40, 24, 32, 0, False))


@pytest.fixture(scope="session")
def sizes(once):
    """A phantom set of three classes: 48 training and 24 test images at 32 px."""
    return once("sizes", lambda folder: phantom.write_set(folder, 48, 24, 32, 0, False, classes=3))


@pytest.fixture(scope="session")
def trained_model(phantoms, once):
    """The folder of a classifier whose probabilities differ."""
    return once("trained_model", lambda folder: _train_model(phantoms, folder))


def _train_model(phantoms, out):
    """Train briefly, and make the probabilities of such a network differ.

    After so few steps the moving statistics of batch normalisation give all images about the same
    probability: they are updated, and the threshold is set to the median.
    """
    import json

    from classifiers import model_folder
    from classifiers.training.settings import Training
    from ufgen.images import image_set

    settings = Training(steps=12, batch=8, evaluations=2, precision="float32")
    images = image_set.scan(phantoms).split("train")
    model_folder.train(images, "keras:MobileNet?alpha=0.25", out, settings, size=32)
    classifier = model_folder.load(out)
    decoded = classifier._load(images)
    pixels = decoded.store.take(decoded.images)
    for _ in range(30):
        classifier.network.parts.logits(pixels.astype("float32"), training=True)
    probabilities = np.sort(classifier.network.predict(pixels))
    assert np.ptp(probabilities) > 1e-3
    classifier.network.model.save_weights(out / "model.weights.h5")
    threshold = float(probabilities[19:21].mean())
    update = {"temperature": 1.0, "threshold": threshold, "constant": False}
    (out / "model.json").write_text(json.dumps(classifier.metadata | update))
