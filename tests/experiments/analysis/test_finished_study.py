"""Folders of finished studies that an older version wrote are met with what has changed."""

import pandas as pd
import pytest

from experiments.analysis.finished_study import read_deltas
from experiments.design.study import Study
from experiments.planning.plan import write_plan
from experiments.reporting.overview import write_overview
from ufgen.errors import UserError

STUDY = Study(name="s", arms=["real", "real+synthetic@1.0"], classifiers=["hybrid"])


@pytest.fixture
def folder(tmp_path):
    """The folder of the study, with the deltas of this version."""
    (tmp_path / "s").mkdir()
    deltas = pd.DataFrame({"arm": ["real+synthetic@1.0"], "cohens_d": 0.5, "folds": 1})
    deltas.to_csv(tmp_path / "s" / "deltas.csv", index=False)
    return tmp_path / "s"


def test_tables_of_this_version_are_read(folder):
    (folder / "companions.csv").write_text("left by an older run\n")
    (folder / "paired_tests.csv").write_text("rewritten since\n")
    assert read_deltas(folder)["cohens_d"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("smallest_effect", "minimum_detectable_effect"),
        ("standardised", "cohens_d"),
        ("variance_rest", "variance_residual"),
    ],
)
def test_an_old_column_is_refused_with_what_it_is_now(folder, column, name):
    deltas = pd.DataFrame({"arm": ["real+synthetic@1.0"], "folds": 1, column: 0.1})
    deltas.to_csv(folder / "deltas.csv", index=False)
    with pytest.raises(UserError) as refused:
        read_deltas(folder)
    assert str(refused.value) == (
        f"{folder} was written by an older ufgen, whose columns and files had other names "
        f"({column} is now {name}): run the study again, which rewrites its tables, and trains "
        "nothing anew where the versions agree"
    )


@pytest.mark.parametrize("reader", [write_overview, write_plan])
def test_who_reads_an_old_folder_is_told_to_run_the_study_again(folder, reader):
    (folder / "companions.csv").touch()
    (folder / "exchange.csv").touch()
    names = ["s"] if reader is write_overview else []
    with pytest.raises(UserError) as refused:
        reader(*names, [STUDY], folder.parent)
    message = str(refused.value)
    assert str(folder) in message and "run the study again" in message
    assert "companions.csv is now paired_tests.csv" in message
    assert "exchange.csv is now equivalent_real_images.csv" in message
