"""Training speed of the generator on this machine, CPU or GPU.

    python benchmarks/generator_speed.py [--resolutions 64 128 256] [--recipe dcgan] [--kimg 8]
    KERAS_BACKEND=jax python benchmarks/generator_speed.py

Prints the images/s of a recipe on phantom images, start-up left out.
"""

import argparse
import json
import tempfile
from pathlib import Path

from ufgen import environment

environment.prepare()
environment.import_keras()

from ufgen import imageset, phantom, pixels  # noqa: E402
from ufgen.gan.recipe import load_recipe  # noqa: E402
from ufgen.gan.trainer import train_generator  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--resolutions", type=int, nargs="+", default=[64, 128, 256])
parser.add_argument("--recipe", default="dcgan")
parser.add_argument("--kimg", type=float, default=8)
options = parser.parse_args()
about = environment.describe()
print(f"backend {about['backend']}, devices {about['devices']}")
with tempfile.TemporaryDirectory() as folder:
    root = Path(folder)
    phantom.write_set(root / "set", 200, 8, max(options.resolutions), seed=0, progress=False)
    images = imageset.scan(root / "set").split("train")
    for resolution in options.resolutions:
        decoded = pixels.load(images, resolution)
        recipe = load_recipe(options.recipe, resolution=resolution, kimg=options.kimg)
        shown = decoded.store.take(decoded.images)
        made = train_generator(decoded.images, shown, recipe, root, progress=False)
        rows = [json.loads(line) for line in (made / "metrics.jsonl").read_text().splitlines()]
        logged = [row["images_per_second"] for row in rows if "images_per_second" in row]
        speeds = sorted(logged[1:] or logged)
        print(f"{resolution} px: {speeds[len(speeds) // 2]:.0f} images/s (median)")
