"""A small study that has run."""

import pytest
from small_study import write

from experiments import runner
from experiments.design import study_yaml


@pytest.fixture(scope="session")
def finished(phantoms, once):
    """A finished small study: its root folder and its YAML."""

    def run(root):
        root.mkdir()
        file = write(root / "small.yaml", phantoms)
        runner.run(study_yaml.read(file), root / "runs", "ufgen experiment small.yaml")

    root = once("study", run)
    return root, root / "small.yaml"
