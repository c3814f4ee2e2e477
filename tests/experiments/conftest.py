"""A small study that has run."""

import one_convolution
import pytest
from small_study import write

from classifiers import other_backbone
from experiments import runner
from experiments.design import study_yaml
from experiments.reporting import report


@pytest.fixture(scope="session")
def finished(phantoms, once):
    """A finished small study: its root folder and its YAML."""

    def run(root):
        root.mkdir()
        file = write(root / "small.yaml", phantoms)
        runner.run(study_yaml.read(file), root / "runs", "ufgen experiment small.yaml")

    root = once("study", run)
    return root, root / "small.yaml"


@pytest.fixture
def small_network(monkeypatch):
    """Networks of `keras.applications` are of one convolution, which compiles at once."""
    monkeypatch.setattr(other_backbone, "feature_map", one_convolution.feature_map)


@pytest.fixture
def no_page(monkeypatch):
    """Tables without their report, where a test reads the tables."""
    monkeypatch.setattr(report, "write", lambda folder, _: folder / "report.html")
