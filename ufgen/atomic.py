"""Write, then rename: a file or folder appears whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ufgen.errors import UserError

CONTENTS = ".written"  # the files that ufgen wrote in a folder, one a line


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it is renamed to `path` when the block succeeds.

    The temporary name keeps the suffix, so that writers which look at it (numpy, Keras, Pillow)
    behave the same. On an error nothing is left behind and an older file stays as it was.
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
    """Yield a temporary folder beside `path`; it replaces `path` when the block succeeds.

    The older folder is renamed aside first and deleted last: whenever the process is killed, the
    old or the new folder is whole, and `restore` brings back what still stands aside. With
    `keep_others`, files that an earlier call did not write are taken over into the new folder.
    Raises UserError if one of them has the name of a new file.
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
    aside = _aside(path)
    if path.exists():
        os.replace(path, aside)
    try:
        os.replace(new, path)
    except BaseException:
        restore(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def restore(path: Path) -> None:
    """Bring back the folder `path` where a replacement was killed halfway, or tidy up after it."""
    path = Path(path).resolve()
    aside = _aside(path)
    if aside.is_dir():
        if path.exists():
            shutil.rmtree(aside)
        else:
            os.replace(aside, path)


def _aside(path: Path) -> Path:
    return path.with_name(f".old.{path.name}")


def _keep_others(old: Path, new: Path) -> None:
    """Copy files of `old` that an earlier `atomic_folder` did not write; note the new ones."""
    written = _files(new)
    if old.is_dir():
        listing = old / CONTENTS
        known = listing.is_file()
        ours = {CONTENTS, *(listing.read_text(encoding="utf-8").split("\n") if known else written)}
        others = [name for name in _files(old) if name not in ours]
        for name in others:
            if (new / name).exists():
                raise UserError(
                    f"{old / name} was not written by ufgen, and would be replaced: move it away"
                )
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(old / name, new / name, follow_symlinks=False)
    (new / CONTENTS).write_text("\n".join(written), encoding="utf-8")


def _files(folder: Path) -> list[str]:
    """All files below `folder`, by their path in it."""
    found = (p for p in folder.rglob("*") if p.is_symlink() or not p.is_dir())
    return sorted(p.relative_to(folder).as_posix() for p in found)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 `text` to `path`, whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def check_replaceable(folder: Path, marks: tuple[str, ...], command: str) -> None:
    """Raise UserError if `folder` is no place for what `command` writes: new, empty, or its own.

    Its own holds files called `marks`. A folder that was left aside by a kill is brought back.
    """
    folder = Path(folder).resolve()
    restore(folder)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: expected a folder, new or written by `{command}`")
    ours = all((folder / mark).is_file() for mark in marks)
    if folder.exists() and not ours and any(folder.iterdir()):
        raise UserError(
            f"{folder} holds something that `{command}` did not write, and would be replaced: "
            "choose another place"
        )
