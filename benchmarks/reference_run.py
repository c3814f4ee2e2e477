"""What a refactoring must not change: run the command line briefly, and compare two such runs.

    python benchmarks/reference_run.py run FOLDER [--backend tensorflow|jax]
    python benchmarks/reference_run.py compare BEFORE AFTER [--renamed OLD=NEW ...]

`run` simulates 120 images, trains two generators for 100 steps each, generates images, runs a small
study of every kind of arm and a cross-validated one, and trains, evaluates and predicts with a
classifier: commands alone, so that it works before and after any change within. `compare` reads
every table, array, picture and weight of both folders; hashes of ufgen's own code, times, and what
names them are left out. It prints each difference, and ends with an error if there is one.
"""

import argparse
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import h5py
import pandas as pd

NETWORK = "keras:MobileNet?alpha=0.25"
GENERATOR = "  options: {kimg: 0.8, width: 4, batch: 8, precision: float32}"
STUDY = f"""
images: {{path: images, resolution: 32}}
generator:
  seeds: [0, 1]
  filters: [discriminator]
{GENERATOR}
classifiers: ["{NETWORK}"]
seeds: [0, 1]
training: {{steps: 20, batch: 8, evaluations: 4, precision: float32}}
"""
ARMS = ["real", "real+classical", "real+duplicated@0.5", "real+synthetic@0.5", "synthetic"]
ARMS += ["real+synthetic@0.5:filtered", "real+classical+synthetic@0.5"]
ARMS += ["pretrain:synthetic@0.5>real", "real+shuffled@0.5", "real+oracle@0.5"]
HASH = re.compile(r"[0-9a-f]{8,64}")
TIMES = ("seconds", "made_by", "settings", "trial", "per_second", "ufgen", "command", "date")
LEFT_OUT = {"environment.json", "status.json"}
LEFT_OUT |= {"grid.png", "curves.png", "interpolation.png"}  # they print the recipe's hash


def run(folder: Path, backend: str) -> None:
    """Run all commands in `folder`."""
    folder.mkdir(parents=True)
    for name, arms, folds in (("split", ARMS, 0), ("folds", ARMS[:4], 2)):
        fraction = "fraction: 0.6, " if "real+oracle@0.5" in arms else ""
        study = STUDY.replace("resolution", f"{fraction}resolution")
        head = f"name: {name}\nfolds: {folds}\narms: {json.dumps(arms)}"
        (folder / f"{name}.yaml").write_text(head + study)
    (folder / "residual.yaml").write_text(
        "name: residual\narchitecture: residual\nwidth: 4\nbatch: 8\nprecision: float32\n"
    )
    environment = os.environ | {"KERAS_BACKEND": backend, "UFGEN_CACHE": str(folder / "cache")}
    environment |= {"PYTHONPATH": str(Path(__file__).parents[1])}  # this checkout's ufgen
    train = [
        "--classifier",
        NETWORK,
        "--steps",
        "30",
        "--batch",
        "8",
        "--resolution",
        "32",
        "--weights",
        "none",
    ]
    synth = ["--kimg", "0.8", "--resolution", "32", "--filter", "discriminator", "--drop-copies"]
    for command in (
        ["data", "phantom", "images", "--train", "80", "--test", "40", "--size", "32"],
        ["synth", "images", "--name", "a", *synth],
        [
            "synth",
            "images",
            "--name",
            "b",
            "--recipe",
            "residual.yaml",
            *synth,
            "--per-class",
            "12",
        ],
        ["fidelity", "images", "synthetic/a", "--out", "fidelity"],
        ["experiment", "split.yaml"],
        ["experiment", "folds.yaml"],
        ["train", "images", *train, "--out", "models/m"],
        ["evaluate", "models/m", "images"],
        ["predict", "models/m", "images/test", "--out", "predictions.csv"],
    ):
        print("ufgen", *command, flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "ufgen", *command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"ufgen {' '.join(command)} ended with {done.returncode}:\n{done.stderr}")


def contents(folder: Path, renamed: dict[str, str]) -> dict[str, list]:
    """What is in the files of each name without hashes, in an order of its own."""
    found: dict[str, list] = {}
    for file in folder.rglob("*"):
        relative = file.relative_to(folder)
        if file.is_file() and relative.parts[0] != "cache" and file.name not in LEFT_OUT:
            inside = content(file, renamed)
            if inside is not None:
                name = relative.with_name(renamed.get(file.name, file.name))
                found.setdefault(HASH.sub("#", str(name)), []).append(inside)
    return {name: sorted(inside, key=digest) for name, inside in found.items()}


def digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


def content(file: Path, renamed: dict[str, str]) -> object:
    """What a file holds; None for a kind that is not compared."""
    if file.suffix == ".csv":
        return table(pd.read_csv(file, dtype=str, keep_default_na=False), renamed)
    if file.suffix == ".json":
        return cleaned(json.loads(file.read_text()), renamed)
    if file.suffix == ".h5":
        return weights(file)
    if file.suffix in (".npy", ".png"):
        return file.read_bytes()
    return None


def table(rows: pd.DataFrame, renamed: dict[str, str]) -> dict[str, list[str]]:
    kept = [name for name in rows if not any(part in name for part in TIMES)]
    columns = {renamed.get(name, name): rows[name] for name in kept}
    return {name: [HASH.sub("#", value) for value in values] for name, values in columns.items()}


def cleaned(value: object, renamed: dict[str, str]) -> object:
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if not any(part in k for part in TIMES)}
        return {renamed.get(k, k): cleaned(v, renamed) for k, v in kept.items()}
    if isinstance(value, list):
        return [cleaned(item, renamed) for item in value]
    return HASH.sub("#", value) if isinstance(value, str) else value


def weights(file: Path) -> dict[str, bytes]:
    found = {}
    with h5py.File(file) as opened:
        opened.visititems(
            lambda name, item: (
                found.update({name: item[()].tobytes()}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def compare(before: Path, after: Path, renamed: dict[str, str]) -> int:
    """Print what differs, and how much was compared; the number of names with a difference."""
    one, other = (contents(folder, renamed) for folder in (before, after))
    differing = 0
    for name in sorted(one.keys() | other.keys()):
        pairs = list(itertools.zip_longest(one.get(name, []), other.get(name, [])))
        if apart := [pair for pair in pairs if digest(pair[0]) != digest(pair[1])]:
            differing += 1
            print(f"{len(apart)} of {len(pairs)} differ: {name}{fields(*apart[0])}")
    kinds = Counter(name.rsplit(".", 1)[-1] for name, found in one.items() for _ in found)
    print(f"{kinds.total()} files compared ({dict(kinds)}), {differing} names differ")
    return differing


def fields(one: object, other: object) -> str:
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return ""
    names = [n for n in {**one, **other} if one.get(n) != other.get(n)]
    return f": {', '.join(names)}"


parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
actions = parser.add_subparsers(dest="action", required=True)
running = actions.add_parser("run")
running.add_argument("folder", type=Path)
running.add_argument("--backend", default="tensorflow", choices=["tensorflow", "jax"])
comparing = actions.add_parser("compare")
comparing.add_argument("before", type=Path)
comparing.add_argument("after", type=Path)
comparing.add_argument("--renamed", nargs="*", default=[], metavar="OLD=NEW")

if __name__ == "__main__":
    options = parser.parse_args()
    if options.action == "run":
        run(options.folder, options.backend)
    elif compare(options.before, options.after, dict(r.split("=") for r in options.renamed)):
        sys.exit(1)
