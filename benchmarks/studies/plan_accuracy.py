"""How near `ufgen experiment --plan` comes to the run: both, for small studies, in turn.

python benchmarks/studies/plan_accuracy.py BUSI --positive malignant
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STUDIES = {
    "two-networks": """
images: {path: DATA, positive: POSITIVE, resolution: 64, fraction: 0.3}
generator: {recipe: fast, options: {kimg: 1}}
arms: [real, real+classical, real+synthetic@0.5]
classifiers: [mobilenet_v3_small, custom_resnet50]
seeds: [0, 1]
training: {steps: 8, batch: 8, evaluations: 2}
bootstrap: 500
""",
    "two-generators": """
images: {path: DATA, positive: POSITIVE, resolution: 32, fraction: 0.4}
generator: {recipe: dcgan, options: {kimg: 5, evaluate_kimg: 1}, seeds: [0, 1]}
arms: [real, real+synthetic@1.0]
classifiers: [custom_resnet50]
seeds: [0, 1]
training: {steps: 40, batch: 8, evaluations: 4}
bootstrap: 500
""",
}
UNITS = {"s": 1, "min": 60, "h": 3600}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--positive", required=True)
    options = parser.parse_args()
    data = str(Path(options.data).resolve())
    with tempfile.TemporaryDirectory() as folder:
        for name, text in STUDIES.items():
            text = text.replace("DATA", data).replace("POSITIVE", options.positive)
            file = Path(folder) / f"{name}.yaml"
            file.write_text(f"name: {name}\n{text}")
            said, planning = _run(file, "--plan")
            number, unit = re.search(r"Estimated time: ([\d.]+) (\w+)", said).groups()
            planned, took = float(number) * UNITS[unit], _run(file)[1]
            print(
                f"{name}: planned {planned:.0f} s (in {planning:.0f} s), took {took:.0f} s, ratio "
                f"{took / planned:.2f}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
                flush=True,
            )


def _run(file: Path, *words: str) -> tuple[str, float]:
    """What the command prints, and its seconds."""
    command = [sys.executable, "-c", "from ufgen.cli import main; main()", "experiment", str(file)]
    command += ["--runs", str(file.parent / "runs"), *words]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{file.name}: {done.stderr[-2000:]}")
    return done.stdout, time.perf_counter() - started


if __name__ == "__main__":
    main()
