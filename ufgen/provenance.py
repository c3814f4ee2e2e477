"""What made a result, as part of every key: the libraries, and ufgen's own code.

A result is reused only by what made it. The code is hashed as Python reads it, so that comments,
docstrings and layout may change; modules that only show or report are left out.
"""

import ast
import hashlib
import json
import platform
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import ufgen

ROOT = Path(ufgen.__file__).parents[1]
PACKAGES = ("ufgen", "classifiers", "experiments")
EXCLUDED = {  # they show, or what they yield is in the keys by its content
    "classifiers.model_folder",
    "experiments.running.data_split",
    "experiments.running.synthetic_images",
    "experiments.design.study",
    "ufgen.synthesis.evaluation",
    "ufgen.display.figure_style",
    "ufgen.synthesis.gallery",
    "ufgen.gan.training_curves",
    "ufgen.gan.training.training_progress",
    "ufgen.display.image_grid",
    "ufgen.progress",
    "ufgen.provenance",
    "ufgen.display.tensorboard",
}
LIBRARIES = {
    "decoding": ("pillow",),
    "features": ("keras", "numpy", "scikit-image", "PyWavelets", "pillow"),
    "training": ("keras", "numpy", "scipy"),
}


def made_by(libraries: str, *modules: str) -> dict[str, str]:
    """The versions that a result depends on: ufgen's, of its code in `modules`, of `LIBRARIES`.

    `modules` are names of modules or packages; what they import of ufgen counts too, but for those
    `EXCLUDED`. Where Keras computes, its backend is named with its version.
    """
    found = {"ufgen": ufgen.__version__, "code": code_version(*modules)}
    found |= {name: _version(name) for name in LIBRARIES[libraries]}
    return found | (_backend() if "keras" in found else {})


def key(digits: int, *parts) -> str:
    """`digits` hexadecimal digits of a hash of `parts`, which JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:digits]


def hash_file(file: Path) -> str:
    """The SHA-256 of a file's content; read again only where the file has changed."""
    about = Path(file).stat()
    return _hash(Path(file).resolve(), about.st_mtime_ns, about.st_size)


def hash_weights(weights: str) -> list[str]:
    """The weights that a comma-separated text names, a local file by its content."""
    return [hash_file(name) if Path(name).is_file() else name for name in weights.split(",")]


def count_unused(files: Iterable[Path], asked: set[str], by: dict[str, str]) -> int:
    """How many of the JSON `files` describe a result that is `asked` for, but of another version.

    Such a file says `settings`, the key of what was asked for, and `made_by`.
    """
    found = [json.loads(file.read_text()) for file in files]
    return sum(about.get("settings") in asked and about.get("made_by") != by for about in found)


@lru_cache
def code_version(*modules: str) -> str:
    """12 hexadecimal digits of a hash of the code of `modules` and of all that they import here."""
    todo, seen = [file for name in modules for file in _files(name)], set()
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            todo += _imported(file)
    parts = [[file.relative_to(ROOT).as_posix(), _plain(file)] for file in sorted(seen)]
    return key(12, platform.python_version_tuple()[:2], parts)


def _files(name: str) -> list[Path]:
    """The files of a module, or of a whole package."""
    place = ROOT.joinpath(*name.split("."))
    if not place.is_dir():
        return [place.with_suffix(".py")]
    return [file for file in sorted(place.rglob("*.py")) if _module(file) not in EXCLUDED]


def _module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


@lru_cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _imported(file: Path) -> list[Path]:
    """The files of this project's modules that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    ours = {n for n in names if n.split(".")[0] in PACKAGES} - EXCLUDED
    places = [ROOT.joinpath(*name.split(".")) for name in sorted(ours)]
    found = [place.with_suffix(".py") for place in places]
    found += [place / "__init__.py" for place in places]
    return [file for file in found if file.is_file()]


@lru_cache
def _plain(file: Path) -> str:
    """The code of a file without its docstrings and comments."""
    tree = _tree(file)
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


@lru_cache
def _hash(file: Path, _changed: int, _size: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _backend() -> dict[str, str]:
    import keras

    name = keras.backend.backend()
    return {"backend": name, name: _version(name)}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
