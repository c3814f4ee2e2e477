"""A trained classifier, its bundles, and a clip to predict."""

import numpy as np
import pytest

from classifiers import model_folder
from classifiers.deploy import export, video
from ufgen.images.decoding import find_files

QUANTISED = ("dynamic", "int8")
RUN = "from ufgen.cli import main; main()"


@pytest.fixture(scope="session")
def model(trained_model):
    return trained_model


@pytest.fixture(scope="session")
def expected(model, phantoms):
    return model_folder.load(model).predict_files(find_files([phantoms / "test"]))[0]


@pytest.fixture(scope="session")
def bundles(model, once):
    """Bundles of every runtime, by name."""
    folder = once("bundles", lambda folder: _export(model, folder))
    return {bundle.name: bundle for bundle in folder.iterdir()}


def _export(model, folder):
    for name, runtime, quantisation in (
        ("float", "litert", "none"),
        ("dynamic", "litert", "dynamic"),
        ("int8", "litert", "int8"),
        ("onnx", "onnx", "none"),
    ):
        export.export(model, folder / name, runtime, quantisation)
    export.export(model, folder / "keras", "keras")


@pytest.fixture
def clip(tmp_path):
    """A function that writes an MJPEG clip of random 64 x 48 frames."""

    def write(name, frames=20):
        cv2 = video.opencv()
        rng = np.random.default_rng(0)
        code = cv2.VideoWriter_fourcc(*"MJPG")
        file = cv2.VideoWriter(str(tmp_path / name), code, 25, (64, 48))
        for _ in range(frames):
            file.write(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
        file.release()
        return tmp_path / name

    return write
