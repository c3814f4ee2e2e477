"""What training cost: time, and an estimate of the energy."""

import json
import shutil
import subprocess
from pathlib import Path

WATTS_PER_CORE = 10


def describe(trials: list[dict[str, float]], generators: list[dict[str, float]]) -> dict[str, str]:
    """Sum up the training that the tables of a study rest on, whenever it ran.

    The energy is an estimate: 10 W for each busy core, and the power limit of each GPU for the
    whole wall time, which is an upper bound.

    Args:
        trials: The `seconds` (wall) and `cpu_seconds` (of busy cores) of each trial.
        generators: The same of each generator.

    Returns:
        "training time" and "energy (estimate)", in words.
    """
    trial_seconds, generator_seconds = (
        sum(one["seconds"] for one in kind) for kind in (trials, generators)
    )
    gpus = gpu_watts()
    cpu_seconds = sum(one["cpu_seconds"] for one in (*trials, *generators))
    joules = cpu_seconds * WATTS_PER_CORE + (trial_seconds + generator_seconds) * sum(gpus)
    assumption = f"{WATTS_PER_CORE} W for each busy core"
    if gpus:
        assumption += f", at most {sum(gpus):.0f} W for {len(gpus)} GPU"
    return {
        "training time": f"{trial_seconds / 60:.1f} min in {len(trials)} trials, "
        f"{generator_seconds / 60:.1f} min in {len(generators)} generators (wall times, added up "
        "also where several were trained side by side)",
        "energy (estimate)": f"{joules / 3.6e6:.3g} kWh, at {assumption}",
    }


def of_generators(folder: Path, sets: list[str]) -> list[dict[str, float]]:
    """Read what each generator of a study cost; several sets may come from one.

    Args:
        folder: The study's folder.
        sets: Names of the folders of its synthetic sets, `<generator>-<key>`.

    Returns:
        The `seconds` (wall) and `cpu_seconds` (of busy cores) of each generator.
    """
    found = {}
    for name in sets:
        file = folder / "synthetic" / name / "generator" / "complete.json"
        metadata = json.loads(file.read_text())
        found[name.rsplit("-", 1)[0]] = {key: metadata[key] for key in ("seconds", "cpu_seconds")}
    return list(found.values())


def gpu_watts() -> list[float]:
    """Ask the driver for the power limit of each NVIDIA GPU.

    Returns:
        Watts; empty where there is no driver.
    """
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=power.limit", "--format=csv,noheader,nounits"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return [float(line) for line in result.stdout.split() if line.replace(".", "", 1).isdigit()]
