"""What a study's trainings cost: time, and an estimate of the energy."""

import os
import shutil
import subprocess

WATTS_PER_CORE = 10


def describe(trials: list[dict], generators: list[float]) -> dict[str, str]:
    """Wall time of all trainings that the tables rest on, whenever they ran, and their energy.

    `trials` have seconds (wall) and cpu_seconds (busy cores), `generators` are seconds (wall).
    The energy is an estimate: 10 W for each busy core, of which generators keep all busy, and the
    power limit of each GPU for the whole wall time, which is an upper bound.
    """
    wall = sum(trial["seconds"] for trial in trials)
    found = {
        "training time": f"{wall / 60:.1f} min in {len(trials)} trials, "
        f"{sum(generators) / 60:.1f} min in {len(generators)} generators"
    }
    limits = gpu_watts()
    busy = sum(trial["cpu_seconds"] for trial in trials) + sum(generators) * os.cpu_count()
    joules = busy * WATTS_PER_CORE + (wall + sum(generators)) * sum(limits)
    how = f"{WATTS_PER_CORE} W for each busy core"
    if limits:
        how += f", at most {sum(limits):.0f} W for {len(limits)} GPU"
    return found | {"energy (estimate)": f"{joules / 3.6e6:.3g} kWh, at {how}"}


def gpu_watts() -> list[float]:
    """The power limit of each NVIDIA GPU in watts; none where there is no driver."""
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=power.limit", "--format=csv,noheader,nounits"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return [float(line) for line in found.stdout.split() if line.replace(".", "", 1).isdigit()]
