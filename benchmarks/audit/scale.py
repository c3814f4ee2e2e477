"""An audit of many small images: time against plain Pillow, peak memory, and a restart.

    python benchmarks/audit/scale.py [--images 100000] [--size 64]

Writes so many grey PNGs (smoothed noise, two classes, four images a patient), reads them with plain
Pillow in one process, and runs the measurement pass of `ufgen data check` in a process that is
killed after a third of the time that it may need, and again until it is done; then the search for
near-duplicates and the other checks. Peak memory is that of the main process and, in brackets, of
the largest worker.
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--stage", default="")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.stage:
        return stage(options.stage, options.folder)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "set"
        os.environ["UFGEN_CACHE"] = str(Path(temporary) / "cache")
        write_images(folder, options.images, options.size)
        seconds = plain_pillow(folder)
        print(f"plain Pillow, one process: {options.images / seconds:.0f} images/s", flush=True)
        command = [sys.executable, __file__, "--folder", str(folder), "--stage"]
        started = time.perf_counter()
        first = subprocess.Popen([*command, "measure"], start_new_session=True)
        time.sleep(max(20, options.images / 400))
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        chunks = len(list((Path(temporary) / "cache" / "audit").glob("*.npz")))
        print(
            f"killed after {time.perf_counter() - started:.0f} s: {chunks} chunks kept", flush=True
        )
        subprocess.run([*command, "measure"], check=True)
        subprocess.run([*command, "check"], check=True)


def write_images(folder: Path, count: int, size: int) -> None:
    rng = np.random.default_rng(0)
    for i in range(count):
        label = ("UF", "NUF")[i // 4 % 2]
        path = folder / label / f"case{i // 4:06}_view{i % 4}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = gaussian_filter(rng.normal(size=(size, size)), 1.5)
        scaled = 128 + 40 * noise / noise.std()
        Image.fromarray(np.clip(scaled, 0, 255).astype("uint8")).save(path)


def plain_pillow(folder: Path) -> float:
    started = time.perf_counter()
    for path in folder.rglob("*.png"):
        with Image.open(path) as file:
            np.asarray(file)
    return time.perf_counter() - started


def stage(name: str, folder: Path) -> None:
    from ufgen.audit import audit, measurements
    from ufgen.images import image_set

    started = time.perf_counter()
    images = image_set.scan(folder, binary=False, group_pattern=r"(case\d+)_")
    scanned = time.perf_counter() - started
    if name == "measure":
        measurements.measure(images)
    else:
        audit.run(images)
    seconds = time.perf_counter() - started
    own, largest = (
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(
        f"{name}: {seconds:.0f} s (listing {scanned:.1f} s), {len(images) / seconds:.0f} images/s, "
        f"peak memory {own:.0f} MiB ({largest:.0f} MiB)",
        flush=True,
    )


if __name__ == "__main__":
    main()
