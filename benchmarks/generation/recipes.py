"""Recipes against each other at equal minutes on real images: the ablation.

    python benchmarks/generation/recipes.py FOLDER --minutes 30 --recipes dcgan residual
        [--positive malignant] [--resolution 64] [--extractor keras:NAME --weights FILE]

Trains each recipe for the same minutes of optimiser steps, or with --kimg on as many images;
generates as many images as there are training images, and writes OUT/<recipe>/ (grid, curves,
fidelity.csv) and OUT/recipes.csv: KD and coverage of each extractor with their references, thousand
images shown, and seconds of optimiser steps. A recipe may be followed by changes, as in
residual:patch=2,width=12.
"""

import argparse
import re
from pathlib import Path

import pandas as pd

from ufgen import environment

environment.prepare()
environment.import_keras()

from recipe_text import recipe_of  # noqa: E402

from classifiers.feature_extractor import by_name  # noqa: E402
from ufgen.fidelity import fidelity_table  # noqa: E402
from ufgen.fidelity.feature_extractors import texture  # noqa: E402
from ufgen.gan.sampling import sampler  # noqa: E402
from ufgen.gan.training.trainer import train_generator  # noqa: E402
from ufgen.images import image_set, pixel_store  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=Path)
parser.add_argument("--minutes", type=float, default=30)
parser.add_argument("--kimg", type=float, help="thousand images instead of minutes")
parser.add_argument("--recipes", nargs="+", default=["dcgan", "residual"])
parser.add_argument("--positive")
parser.add_argument("--resolution", type=int, default=64)
parser.add_argument("--extractor", default="texture")
parser.add_argument("--weights", default="imagenet")
parser.add_argument("--out", type=Path, default=Path("ablation"))
options = parser.parse_args()

extractors = [texture()]
if options.extractor != "texture":
    extractors.append(by_name(options.extractor, options.weights))
images = image_set.scan(options.folder, options.positive)
decoded = pixel_store.load(images, options.resolution)
train = decoded.images.split("train")
shown = decoded.store.take(train)
labels = train.table["label"].to_numpy()
rows = []
for text in options.recipes:
    budget = {"kimg": options.kimg} if options.kimg else {"minutes": options.minutes}
    recipe = recipe_of(text, resolution=options.resolution, **budget)
    folder = options.out / re.sub(r"[:/]", "-", text)
    generator = train_generator(train, shown, recipe, options.out / "generators")
    drawn = sampler.generate_images(generator, train.table["label"].value_counts().to_dict())
    sampler.write(drawn, folder, train, shown)
    of_class = drawn.table["label"].to_numpy()
    table = fidelity_table.measure(
        {label: shown[labels == label] for label in train.classes},
        {label: drawn.pixels[of_class == label] for label in train.classes},
        extractors,
    )
    fidelity_table.write(table, folder)
    row = {"recipe": text, "kimg": drawn.metadata["images_shown"] / 1000}
    row |= {name: drawn.metadata[name] for name in ("snapshot_kimg", "seconds", "precision")}
    for found in table[table["scope"] == "all"].to_dict("records"):
        if found["metric"].startswith(("KD", "coverage", "precision", "recall")):
            row |= {
                found["metric"]: found["value"],
                f"{found['metric']} reference": found["reference"],
            }
    rows.append(row)
    pd.DataFrame(rows).to_csv(options.out / "recipes.csv", index=False)
    print(pd.DataFrame(rows).T.to_string(), flush=True)
