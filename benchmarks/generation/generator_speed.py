"""Training speed of the generator on this machine, and the time to its best distance.

    KERAS_BACKEND=jax python benchmarks/generation/generator_speed.py [FOLDER]
        [--resolutions 64 128 256]
        [--recipes dcgan residual] [--minutes 5]

Trains each recipe for MINUTES of optimiser steps on the training images in FOLDER (without one, on
phantom images) and prints: the device, the real images shown a second (median, without the first
seconds), at 128 px their ratio to the 147 images/s of StyleGAN2-ADA on one A100, the seconds of
training (compilation included) until the snapshot with the least KD-texture, that distance and its
real-vs-real reference. A recipe may be followed by changes, as in dcgan:batch=128.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from ufgen import environment

environment.prepare()
environment.import_keras()

from recipe_text import recipe_of  # noqa: E402

from ufgen import phantom  # noqa: E402
from ufgen.gan.training.trainer import train_generator  # noqa: E402
from ufgen.images import image_set, pixel_store  # noqa: E402
from ufgen.synthesis.evaluation import training_and_held_out  # noqa: E402

STYLEGAN2_ADA = 147
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=Path, nargs="?")
parser.add_argument("--resolutions", type=int, nargs="+", default=[64, 128, 256])
parser.add_argument("--recipes", nargs="+", default=["fast", "dcgan", "residual"])
parser.add_argument("--minutes", type=float, default=5)
options = parser.parse_args()
metadata = environment.describe()
print(
    f"backend {metadata['backend']}, devices {metadata['devices']}, {metadata['cores']} cores",
    flush=True,
)
with tempfile.TemporaryDirectory() as folder:
    root = Path(folder)
    if options.folder is None:
        phantom.write_set(
            root / "set", 400, 8, max(options.resolutions), seed=0, show_progress=False
        )
    images = image_set.scan(options.folder or root / "set", binary=False)
    for resolution in options.resolutions:
        decoded = pixel_store.load(images, resolution)
        train, _ = training_and_held_out(decoded)
        shown = decoded.store.take(train)
        for text in options.recipes:
            recipe = recipe_of(text, resolution=resolution, minutes=options.minutes)
            made = train_generator(train, shown, recipe, root / "g", show_progress=False)
            rows = [json.loads(line) for line in (made / "metrics.jsonl").read_text().splitlines()]
            logged = [row["images_per_second"] for row in rows if "images_per_second" in row]
            best = json.loads((made / "complete.json").read_text())
            speed = statistics.median(logged[1:] or [best["images_shown"] / best["seconds"]])
            ratio = f" ({speed / STYLEGAN2_ADA:.1f} x 147)" if resolution == 128 else ""
            print(
                f"{resolution} px, {text}: {speed:.0f} images/s{ratio}; least KD-texture "
                f"{best['KD-texture']:.3g} (reference {best['reference']:.2g}) after "
                f"{best['snapshot_seconds']:.0f} s and {best['snapshot_kimg']:.0f} thousand images",
                flush=True,
            )
