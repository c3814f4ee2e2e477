"""Atomic writes: files and folders that appear whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ufgen.errors import UserError

CONTENTS = ".written"  # the files that ufgen wrote in a folder, one per line


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Write a file that replaces an older one only when the block succeeds.

    Args:
        path: The file; missing folders are created.

    Yields:
        A temporary path beside `path`, with the same suffix, which writers such as numpy, Keras and
        Pillow look at. On an error it is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, keep_others: bool = False) -> Iterator[Path]:
    """Write a folder that replaces an older one only when the block succeeds.

    The older folder is renamed first and deleted last: whenever the process is killed, the old or
    the new folder is whole, and `restore` renames an older one back.

    Args:
        path: The folder; missing parents are created.
        keep_others: Also copy the old folder's files that ufgen did not write.

    Yields:
        A temporary folder beside `path`. On an error it is removed.

    Raises:
        UserError: Where such a file has the name of a new one.
    """
    path = Path(path).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        restore(path)
        if keep_others:
            _keep_others(path, temporary)
        _replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace(new: Path, path: Path) -> None:
    backup = _backup(path)
    if path.exists():
        os.replace(path, backup)
    try:
        os.replace(new, path)
    except BaseException:
        restore(path)
        raise
    shutil.rmtree(backup, ignore_errors=True)


def restore(path: Path) -> None:
    """Recover from a replacement that was killed: rename the backup back, or delete it.

    Args:
        path: A folder that `atomic_folder` writes.
    """
    path = Path(path).resolve()
    backup = _backup(path)
    if backup.is_dir():
        if path.exists():
            shutil.rmtree(backup)
        else:
            os.replace(backup, path)


def _backup(path: Path) -> Path:
    """Where the older folder is while it is replaced."""
    return path.with_name(f".old.{path.name}")


def _keep_others(old: Path, new: Path) -> None:
    """Copy files of `old` that an earlier `atomic_folder` did not write; list those of `new`."""
    written = _files(new)
    if old.is_dir():
        contents = old / CONTENTS
        listed = contents.read_text(encoding="utf-8").split("\n") if contents.is_file() else written
        others = [name for name in _files(old) if name not in {CONTENTS, *listed}]
        for name in others:
            if (new / name).exists():
                raise UserError(
                    f"{old / name} was not written by ufgen, and would be replaced: move it away"
                )
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(old / name, new / name, follow_symlinks=False)
    (new / CONTENTS).write_text("\n".join(written), encoding="utf-8")


def _files(folder: Path) -> list[str]:
    """The relative paths of all files in `folder`, at any depth."""
    paths = (p for p in folder.rglob("*") if p.is_symlink() or not p.is_dir())
    return sorted(p.relative_to(folder).as_posix() for p in paths)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, atomically.

    Args:
        path: The file; missing folders are created.
        text: Its content.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def check_replaceable(folder: Path, marks: tuple[str, ...], command: str) -> None:
    """Check that a command may replace a folder: it is new, empty, or written by this command.

    A folder whose replacement was killed is restored first.

    Args:
        folder: The folder to write.
        marks: The names of files that show that the command wrote the folder.
        command: The command, as in the message.

    Raises:
        UserError: Where the folder holds anything else, or is a file.
    """
    folder = Path(folder).resolve()
    restore(folder)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: expected a folder, new or written by `{command}`")
    written = all((folder / mark).is_file() for mark in marks)
    if folder.exists() and not written and any(folder.iterdir()):
        raise UserError(
            f"{folder} holds something that `{command}` did not write, and would be replaced: "
            "choose another folder"
        )
