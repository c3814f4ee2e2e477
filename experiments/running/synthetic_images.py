"""A study's synthetic images: generators trained on fit rows alone, and sets sampled from them."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from experiments.design.arms import synthetic_counts
from experiments.design.study import Study
from experiments.design.trials import SplitKey
from experiments.running.data_split import DataSplit
from ufgen import provenance
from ufgen.gan.recipe import Recipe
from ufgen.images import image_set, pixel_store, splits
from ufgen.images.image_set import ImageSet
from ufgen.images.pixel_store import PixelStore


class SyntheticImages(NamedTuple):
    """What was sampled from one generator, in `<study>/synthetic/<name>/`, and its pixels."""

    name: str
    images: ImageSet
    store: PixelStore


SyntheticSets = dict[tuple[int, bool], SyntheticImages]
"""By the seed of the generator, and whether the images passed the study's filters."""


def prepare_synthetic(
    study: Study, data_split: DataSplit, folder: Path, generators: Path
) -> SyntheticSets:
    """Train the generators of one split, sample what its arms need, and record how good it is.

    What is there already is reused. The images are written into `folder/synthetic/<name>/`.

    Args:
        study: Names the recipe, the generators' seeds, the filters and the arms.
        data_split: Its fit rows alone are what generators learn from.
        folder: The study's folder.
        generators: The folder that generators are in, or trained into.

    Returns:
        The synthetic images; empty if no arm asks for any.

    Raises:
        UserError: A generator has seen an image that is held out.
    """
    arms, sets = study.parsed_arms(), {}
    for filtered in (False, True):
        counts = synthetic_counts(data_split.fit, arms, filtered)
        filters = tuple(study.generator.filters) if filtered else ()
        for seed in study.generator.seeds if counts else ():
            sets[seed, filtered] = _prepare_set(
                study, data_split, counts, filters, seed, folder, generators
            )
    return sets


def describe_sets(study: Study, sets: dict[SplitKey, SyntheticSets]) -> list[dict]:
    """List the synthetic sets of a study.

    Args:
        study: The study.
        sets: Those of each split.

    Returns:
        One dict per set: folder, generator (its seed), filtered, and split, in words.
    """
    return [
        {
            "folder": synthetic.name,
            "generator": generator,
            "filtered": filtered,
            "split": key.title(study.repeats, study.images.parts),
        }
        for key, of_split in sets.items()
        for (generator, filtered), synthetic in of_split.items()
    ]


def missing_generators(
    study: Study, data_splits: list[DataSplit], root: Path
) -> dict[Path, tuple[ImageSet, Recipe]]:
    """Find the generators of a study that are not finished.

    Args:
        study: Names the recipe and the seeds.
        data_splits: For each, its fit rows are what generators learn from.
        root: The folder that generators are in.

    Returns:
        The training images and the recipe of each, by its folder in `root`.
    """
    from ufgen.fidelity.feature_extractors import texture
    from ufgen.gan.generator_folder import (
        GeneratorFolder,
        generator_key,
        generator_settings_hash,
        report_outdated_generators,
    )

    missing: dict[Path, tuple[ImageSet, Recipe]] = {}
    settings = set()
    if any(arm.synthetic for arm in study.parsed_arms()):
        for data_split in data_splits:
            fit, pixels = data_split.fit, data_split.store.take(data_split.fit)
            for seed in study.generator.seeds:
                recipe = _recipe(study, data_split, seed)
                folder = Path(root) / generator_key(fit, pixels, recipe, texture())
                if not GeneratorFolder(folder).complete:
                    missing[folder] = fit, recipe
                    settings.add(generator_settings_hash(fit, pixels, recipe, texture()))
    report_outdated_generators(root, settings)
    return missing


def _recipe(study: Study, data_split: DataSplit, seed: int) -> Recipe:
    return study.generator_recipe(seed=study.generator_seed(seed, data_split.key))


def _prepare_set(
    study: Study,
    data_split: DataSplit,
    counts: dict[str, int],
    filters: tuple[str, ...],
    seed: int,
    folder: Path,
    generators: Path,
) -> SyntheticImages:
    from experiments.running import synthetic_record
    from ufgen.display.contact_sheet import LabelledImages
    from ufgen.fidelity.feature_extractors import texture
    from ufgen.gan.sampling import sampler
    from ufgen.gan.training import trainer
    from ufgen.synthesis import pipeline

    fit, fit_pixels = data_split.fit, data_split.store.take(data_split.fit)
    recipe = _recipe(study, data_split, seed)
    generator = trainer.train_generator(fit, fit_pixels, recipe, generators)
    made_by = provenance.versions(
        "features",
        "experiments.running.synthetic_record",
        "ufgen.synthesis.pipeline",
        "ufgen.synthesis.evaluation",
    )
    set_folder = folder / "synthetic"
    set_folder /= f"{generator.name}-{provenance.key(8, counts, filters, made_by)}"
    if not (set_folder / "fidelity.csv").is_file():
        sampling = pipeline.SamplingOptions(filters=filters)
        kept, dropped = pipeline.sample_filtered(
            generator, counts, sampling, fit, fit_pixels, texture()
        )
        validation = data_split.validation
        held_out = LabelledImages(validation.table, data_split.store.take(validation))

        def record(temporary: Path) -> None:
            synthetic_record.write_fidelity_record(temporary, kept, fit, fit_pixels, held_out)
            if filters:
                dropped.to_csv(temporary / "dropped.csv", index=False)

        sampler.write(kept, set_folder, fit, fit_pixels, record)
    seen = pd.read_csv(set_folder / "training.csv", dtype=str, keep_default_na=False)
    for images in (data_split.validation, data_split.test):
        splits.check_no_leak(seen, images, by=f"the generator {generator.name}")
    synthetic = image_set.scan(set_folder / "manifest.csv", study.images.positive)
    options = study.images
    decoded = pixel_store.load(synthetic, options.resolution, options.channels, options.fit)
    return SyntheticImages(set_folder.name, decoded.images, decoded.store)
