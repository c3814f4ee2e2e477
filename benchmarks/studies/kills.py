"""Kill a small study twenty times at random moments; each time a rerun must end the same.

    python benchmarks/studies/kills.py [--kills 20] [--seed 0]

A study on phantom images runs once undisturbed. Then, in a new folder each time, it is killed
outright (SIGKILL) at a random moment of that duration, and run again: its tables must be equal,
byte for byte, to the undisturbed ones.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

TABLES = (
    "images",
    "metrics",
    "predictions",
    "deltas",
    "paired_tests",
    "equivalent_real_images",
    "synthetic",
)


def study(images: Path) -> dict:
    return {
        "name": "small",
        "images": {"path": str(images), "positive": "UF", "resolution": 32},
        "generator": {
            "seeds": [0, 1],
            "options": {"kimg": 2, "width": 8, "batch": 16, "precision": "float32"},
        },
        "arms": ["real", "real+classical", "real+synthetic@1.0"],
        "classifiers": ["mobilenet_v3_small"],
        "seeds": [0, 1],
        "training": {"steps": 8, "batch": 8, "evaluations": 2, "precision": "float32"},
        "bootstrap": 200,
    }


def start(file: Path, runs: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", "from ufgen.cli import main; main()"]
    command += ["experiment", str(file), "--runs", str(runs)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(file: Path, runs: Path) -> None:
    running = start(file, runs)
    _, said = running.communicate()
    if running.returncode:
        sys.exit(f"the study ended with {running.returncode}: {said.decode()[-2000:]}")


def tables(runs: Path) -> dict[str, str]:
    """The text of every table."""
    made = {name: (runs / "small" / f"{name}.csv").read_text() for name in TABLES}
    return made | {"verdict": (runs / "small" / "verdict.json").read_text()}


def stage(runs: Path) -> str:
    """How far a killed study was."""
    place = runs / "small"
    if (place / "metrics.csv").is_file():
        return "at the report"
    if trials := len(list(place.glob("trials/*/trial.json"))):
        return f"after {trials} trials"
    if (place / "trials.csv").is_file():
        return "before the first trial was finished"
    if sets := len(list(place.glob("synthetic/*/manifest.csv"))):
        return f"after {sets} synthetic sets"
    return "in a generator" if (runs / "generators").is_dir() else "before anything was written"


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--kills", type=int, default=20)
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
chance = random.Random(options.seed)
with tempfile.TemporaryDirectory() as folder:
    from ufgen import phantom

    root = Path(folder)
    phantom.write_set(root / "set", 48, 24, 32, 0, show_progress=False)
    file = root / "small.yaml"
    file.write_text(yaml.safe_dump(study(root / "set")))
    started = time.monotonic()
    finish(file, root / "whole")
    seconds = time.monotonic() - started
    expected, equal = tables(root / "whole"), 0
    print(f"undisturbed: {seconds:.0f} s", flush=True)
    for kill in range(options.kills):
        runs = root / f"killed_{kill}"
        running, wait = start(file, runs), chance.uniform(0.1, 0.95) * seconds
        time.sleep(wait)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        where = stage(runs)
        finish(file, runs)
        found = tables(runs)
        differ = [name for name in expected if found[name] != expected[name]]
        equal += not differ
        said = f"differs in {', '.join(differ)}" if differ else "equal"
        print(f"killed {kill + 1} after {wait:.0f} s, {where}: {said}", flush=True)
    print(f"{equal} of {options.kills} reruns gave the tables of the undisturbed run")
    sys.exit(equal < options.kills)
