"""From a study to its images: read, checked, split, and with synthetic ones drawn."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.arms import synthetic_counts
from experiments.study import Study
from ufgen import imageset, pixels, splits
from ufgen.imageset import ImageSet


class Prepared(NamedTuple):
    """The real images of a study by role, their pixels, and what was left out."""

    fit: ImageSet
    validation: ImageSet
    test: ImageSet
    store: pixels.PixelStore
    quarantine: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """All rows with their role: fit, validation or test."""
        roles = ("fit", "validation", "test")
        parts = [getattr(self, role).table.assign(role=role) for role in roles]
        return pd.concat(parts, ignore_index=True)


def prepare_images(study: Study) -> Prepared:
    """Read, check and split the images. Validation images are carved from the training groups."""
    options = study.images
    images = imageset.scan(options.path, options.positive, options.group_pattern)
    splits.check_two_classes(images)
    images, store, quarantine = pixels.load(
        images, options.resolution, options.channels, options.fit
    )
    splits.check_splits(images)
    train = images.split("train")
    held = splits.hold_out(train, study.validation_fraction, study.split_seed)
    return Prepared(
        train.select(~held), train.select(held), images.split("test"), store, quarantine
    )


def prepare_synthetic(
    study: Study, prepared: Prepared, folder: Path, generators: Path
) -> dict[int, tuple[ImageSet, pixels.PixelStore]]:
    """Train (or reuse) the generators on the fit rows alone and draw what the arms need.

    Returns the synthetic image set and its pixel store by the generator's seed; nothing if no arm
    asks for any. The images are in `folder/synthetic/<key>/`. Raises UserError if a generator saw
    a held-out image.
    """
    counts = synthetic_counts(prepared.fit, study.parsed_arms())
    if not counts:
        return {}
    return {
        seed: _draw(study, prepared, counts, seed, folder, generators)
        for seed in study.generator.seeds
    }


def _draw(
    study: Study, prepared: Prepared, counts: dict, seed: int, folder: Path, generators: Path
):
    from ufgen.gan import sampler, trainer

    fit_pixels = prepared.store.take(prepared.fit)
    recipe = generator_recipe(study, seed=seed)
    generator = trainer.train_generator(prepared.fit, fit_pixels, recipe, generators)
    numbers = hashlib.sha256(json.dumps(counts, sort_keys=True).encode()).hexdigest()[:8]
    drawn = folder / "synthetic" / f"{generator.name}-{numbers}"
    if not (drawn / "manifest.csv").is_file():
        sampler.write(sampler.draw(generator, counts), drawn, prepared.fit, fit_pixels)
    seen = pd.read_csv(drawn / "training.csv", dtype=str)
    for held_out in (prepared.validation, prepared.test):
        splits.check_no_leak(seen, held_out, by=f"the generator {generator.name}")
    synthetic = imageset.scan(drawn / "manifest.csv", study.images.positive)
    options = study.images
    decoded = pixels.load(synthetic, options.resolution, options.channels, options.fit)
    return decoded.images, decoded.store


def generator_recipe(study: Study, **changes):
    """The study's `ufgen.gan.recipe.Recipe`, with `changes` to single fields. Raises UserError."""
    from ufgen.gan.recipe import load_recipe

    images, options = study.images, study.generator.options
    fields = {"resolution": images.resolution, "channels": images.channels} | options | changes
    return load_recipe(study.generator.recipe, **fields)


def content_key(images: ImageSet) -> str:
    """A hash of which images with which labels, in which number; not of their order."""
    rows = images.table[["sha256", "label", "source"]].to_numpy(str)
    rows = rows[np.lexsort(rows.T[::-1])]
    return hashlib.sha256("\n".join(map(",".join, rows)).encode()).hexdigest()
