"""The house: few files a folder, short files, and tests where the code is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("ufgen", "classifiers", "experiments")
SOURCES = [path for name in (*PACKAGES, "tests") for path in (ROOT / name).rglob("*.py")]
FOLDERS = sorted({path.parent for path in SOURCES})
MOST_FILES = 12
MOST_LINES = 300


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_folder_has_few_files(folder):
    assert len([path for path in SOURCES if path.parent == folder]) <= MOST_FILES


def test_no_file_is_long():
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in SOURCES}
    assert {path: n for path, n in lengths.items() if n > MOST_LINES} == {}


def test_tests_lie_in_the_folders_of_the_packages():
    for folder in FOLDERS:
        place = folder.relative_to(ROOT)
        if place.parts[0] == "tests" and place.name not in ("helpers", "without_tensorflow"):
            assert (ROOT / place.relative_to("tests")).is_dir()


def test_the_map_names_files_that_exist():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:ufgen|classifiers|experiments|tests)/[\w/.]*)`", text)
    assert len(paths) > 40 and [path for path in paths if not (ROOT / path).exists()] == []


def test_tensorflow_and_jax_are_imported_in_their_own_files_alone():
    """`ufgen/backend.py` and `kernels.py` know them apart; exported networks need TensorFlow."""
    imported = re.compile(r"^\s*(?:import|from) (?:tensorflow|jax)\b", re.MULTILINE)
    files = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if path.relative_to(ROOT).parts[0] in PACKAGES and imported.search(path.read_text())
    }
    deployed = {path for path in files if path.startswith("classifiers/deploy/")}
    assert files - deployed == {"ufgen/backend.py", "ufgen/kernels.py"}
