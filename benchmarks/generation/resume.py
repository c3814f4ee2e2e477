"""Kill a training at five random moments; its weights must equal the uninterrupted one's.

    python benchmarks/generation/resume.py [--kimg 24] [--seed 0]

The process is killed outright (SIGKILL) at random moments of its training, with checkpoints every 2
seconds. Prints whether the averaged weights are equal bit for bit.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CHILD = """
import sys
from pathlib import Path
from ufgen import environment
environment.prepare()
environment.import_keras()
from ufgen.images import image_set, pixel_store
from ufgen.gan.training import trainer
from ufgen.gan.recipe import load_recipe
trainer.CHECKPOINT_SECONDS = 2
decoded = pixel_store.load(image_set.scan(sys.argv[1]).split("train"), 64)
recipe = load_recipe("dcgan", kimg=float(sys.argv[3]), evaluate_kimg=2.0)
shown = decoded.store.take(decoded.images)
print("ready", flush=True)
trainer.train_generator(decoded.images, shown, recipe, Path(sys.argv[2]), show_progress=False)
"""


def start(folder: Path, root: Path, kimg: float) -> subprocess.Popen:
    command = [sys.executable, "-c", CHILD, str(folder), str(root), str(kimg)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def final_weights(root: Path) -> list[np.ndarray]:
    from ufgen.gan.generator_folder import load_generator

    return load_generator(next(root.iterdir()))[0].get_weights()


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--kimg", type=float, default=24)
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
chance = random.Random(options.seed)
with tempfile.TemporaryDirectory() as folder:
    from ufgen import environment, phantom

    environment.prepare()
    environment.import_keras()
    root = Path(folder)
    phantom.write_set(root / "set", 100, 8, 64, 0, show_progress=False)
    child = start(root / "set", root / "whole", options.kimg)
    child.stdout.readline()
    started = time.monotonic()
    child.communicate()
    seconds = time.monotonic() - started
    for kill in range(5):
        child = start(root / "set", root / "parts", options.kimg)
        child.stdout.readline()
        wait = chance.uniform(0.1, 0.25) * seconds
        time.sleep(wait)
        ended = child.poll() is not None
        child.send_signal(signal.SIGKILL)
        child.communicate()
        print(f"killed {kill + 1} after {wait:.1f} s{' (had ended)' if ended else ''}", flush=True)
    start(root / "set", root / "parts", options.kimg).communicate()
    pairs = zip(final_weights(root / "whole"), final_weights(root / "parts"), strict=True)
    equal = all((one == other).all() for one, other in pairs)
    print(f"weights equal bit for bit: {equal}")
    sys.exit(not equal)
