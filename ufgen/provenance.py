"""Provenance of results: the versions of the libraries and of ufgen's own code, in every key.

A result is reused only by the versions that computed it. The code is hashed as a syntax tree, so
that comments, docstrings and layout may change; modules that only display or report are excluded.
"""

import ast
import hashlib
import json
import platform
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import ufgen

ROOT = Path(ufgen.__file__).parents[1]
PACKAGES = ("ufgen", "classifiers", "experiments")
EXCLUDED = {  # modules that display, or whose results are in the keys by their content
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
    "decoding": ("pillow", "pydicom", "pylibjpeg-openjpeg", "pylibjpeg-libjpeg", "pyjpegls"),
    "features": ("keras", "numpy", "scikit-image", "PyWavelets", "pillow"),
    "measuring": ("numpy", "scikit-image", "PyWavelets", "ImageHash", "pillow"),
    "training": ("keras", "numpy", "scipy"),
}


def versions(libraries: str, *modules: str) -> dict[str, str]:
    """Collect the versions that a result depends on.

    Args:
        libraries: A group of `LIBRARIES`: "decoding", "features", "measuring" or "training".
        *modules: Names of the modules or packages of this project that compute the result.

    Returns:
        The versions of ufgen and of the libraries by name, `code` (see `code_version`), and with
        Keras its `backend` and that one's version.
    """
    versions = {"ufgen": ufgen.__version__, "code": code_version(*modules)}
    versions |= {name: _version(name) for name in LIBRARIES[libraries]}
    return versions | (_backend() if "keras" in versions else {})


def key(digits: int, *parts: Any) -> str:
    """Hash values to a key.

    Args:
        digits: The length of the key.
        *parts: JSON-serialisable values.

    Returns:
        That many hexadecimal digits of the SHA-256 of the values in JSON.

    Example:
        >>> key(8, {"a": 1, "b": 2}) == key(8, {"b": 2, "a": 1})
        True
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:digits]


def hash_file(file: str | Path) -> str:
    """Hash the content of a file; the file is read again only if it has changed.

    Args:
        file: The file.

    Returns:
        Its SHA-256, 64 hexadecimal digits.
    """
    stat = Path(file).stat()
    return _hash(Path(file).resolve(), stat.st_mtime_ns, stat.st_size)


def hash_weights(weights: str) -> list[str]:
    """Identify pretrained weights by their content, wherever the files are.

    Args:
        weights: Comma-separated names of weights ("imagenet", "none") or files.

    Returns:
        Each name, or the SHA-256 of the file.

    Example:
        >>> hash_weights("imagenet,none")
        ['imagenet', 'none']
    """
    return [hash_file(name) if Path(name).is_file() else name for name in weights.split(",")]


def count_unused(files: Iterable[Path], requested: set[str], versions: dict[str, str]) -> int:
    """Count the finished results that are not reused because another version computed them.

    Args:
        files: The JSON metadata of finished results, with `settings` (a key) and `made_by`.
        requested: The keys of the requested settings.
        versions: The versions in use (see `versions`).

    Returns:
        The number of results with requested settings and other versions.
    """
    results = [json.loads(file.read_text()) for file in files]
    return sum(
        result.get("settings") in requested and result.get("made_by") != versions
        for result in results
    )


@lru_cache
def code_version(*modules: str) -> str:
    """Hash code of this project.

    Args:
        *modules: Names of modules or packages.

    Returns:
        12 hexadecimal digits of a hash of the code of `modules` and of all modules of this project
        that they import, directly or indirectly, except those `EXCLUDED`.
    """
    queue = [file for name in modules for file in _files(name)]
    seen: set[Path] = set()
    while queue:
        file = queue.pop()
        if file not in seen:
            seen.add(file)
            queue += _imported(file)
    parts = [[file.relative_to(ROOT).as_posix(), _code(file)] for file in sorted(seen)]
    return key(12, platform.python_version_tuple()[:2], parts)


def _files(name: str) -> list[Path]:
    """The files of a module, or of a whole package."""
    path = ROOT.joinpath(*name.split("."))
    if not path.is_dir():
        return [path.with_suffix(".py")]
    return [file for file in sorted(path.rglob("*.py")) if _module(file) not in EXCLUDED]


def _module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


@lru_cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _imported(file: Path) -> list[Path]:
    """The files of this project's modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    ours = {n for n in names if n.split(".")[0] in PACKAGES} - EXCLUDED
    paths = [ROOT.joinpath(*name.split(".")) for name in sorted(ours)]
    files = [path.with_suffix(".py") for path in paths]
    files += [path / "__init__.py" for path in paths]
    return [file for file in files if file.is_file()]


@lru_cache
def _code(file: Path) -> str:
    """The syntax tree of a file without its docstrings and comments."""
    tree = _tree(file)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
            ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:]
    return ast.dump(tree)


@lru_cache
def _hash(file: Path, _modified: int, _size: int) -> str:
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
