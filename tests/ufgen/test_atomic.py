"""Folders appear whole: a kill leaves the old or the new one, and nothing of a user is deleted."""

import os
import shutil
import subprocess
import sys

import pytest

from ufgen import atomic
from ufgen.errors import UserError


def _write(path, names, text="new", **options):
    with atomic.atomic_folder(path, **options) as folder:
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)


def _files(path):
    return {p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()}


KILLED = """
import os, shutil, sys
from ufgen import atomic
renames = [0]
def replace(old, new, real=os.replace):
    if renames[0] == int(sys.argv[2]):
        os._exit(9)
    renames[0] += 1
    real(old, new)
os.replace = replace
if sys.argv[2] == "2":
    shutil.rmtree = lambda path, **_: os._exit(9) if ".old." in str(path) else None
with atomic.atomic_folder(sys.argv[1]) as folder:
    (folder / "set.txt").write_text("new")
"""


@pytest.mark.parametrize(("after", "left"), [(0, "old"), (1, "old"), (2, "new")])
def test_a_kill_leaves_the_old_or_the_new_set(tmp_path, after, left):
    path = tmp_path / "set"
    _write(path, ["set.txt"], "old")
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path), str(after)], check=False)
    assert ended.returncode == 9
    atomic.check_replaceable(path, ("set.txt",), "ufgen synth")
    assert (path / "set.txt").read_text() == left
    _write(path, ["set.txt"], "newest")
    assert (path / "set.txt").read_text() == "newest"
    assert not (tmp_path / ".old.set").exists()


def test_a_failed_rename_brings_the_old_set_back(tmp_path, monkeypatch):
    path, rename = tmp_path / "set", os.replace
    _write(path, ["set.txt"], "old")

    def replace(old, new):
        if not str(old).endswith("set") or ".old." not in str(new) + str(old):
            raise OSError("no")
        rename(old, new)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="no"):
        _write(path, ["set.txt"], "new")
    assert (path / "set.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_files_that_ufgen_did_not_write_survive(tmp_path):
    path = tmp_path / "set"
    _write(path, ["UF/1.png", "UF/2.png", "manifest.csv"], keep_others=True)
    (path / "notes").mkdir()
    (path / "notes" / "mine.txt").write_text("mine")
    (path / "UF" / "drawn.png").symlink_to("1.png")
    for _ in range(2):
        _write(path, ["UF/1.png", "manifest.csv"], keep_others=True)
        others = {"notes/mine.txt", "UF/drawn.png"}
        assert _files(path) == {"UF/1.png", "manifest.csv", atomic.CONTENTS, *others}
    assert (path / "notes" / "mine.txt").read_text() == "mine"


def test_a_file_of_the_users_is_not_overwritten(tmp_path):
    path = tmp_path / "set"
    _write(path, ["manifest.csv"], keep_others=True)
    (path / "dropped.csv").write_text("mine")
    with pytest.raises(UserError, match=r"dropped\.csv was not written by ufgen"):
        _write(path, ["manifest.csv", "dropped.csv"], keep_others=True)
    assert (path / "dropped.csv").read_text() == "mine"


def test_strangers_in_a_set_without_a_list_of_contents_survive(tmp_path):
    path = tmp_path / "set"
    _write(path, ["manifest.csv", "mine.txt"], "old")
    _write(path, ["manifest.csv"], keep_others=True)
    assert (path / "mine.txt").read_text() == "old"
    assert (path / "manifest.csv").read_text() == "new"
    shutil.rmtree(path)
