"""A study's synthetic images: generators trained on fit rows alone, and what is drawn from them."""

from pathlib import Path

import pandas as pd

from experiments.design.arms import synthetic_counts
from experiments.design.study import Study
from experiments.running.data_split import DataSplit
from ufgen import provenance
from ufgen.images import image_set, pixel_store, splits
from ufgen.images.image_set import ImageSet


def prepare_synthetic(
    study: Study, prepared: DataSplit, folder: Path, generators: Path
) -> dict[tuple[int, bool], tuple[ImageSet, pixel_store.PixelStore]]:
    """Train (or reuse) the generators on the fit rows alone and draw what the arms need.

    Returns the synthetic image set and its pixel store by the generator's seed, and whether they
    passed the filters; nothing if no arm asks for any. The images are in
    `folder/synthetic/<key>/`. Raises UserError if a generator saw a held-out image.
    """
    arms, found = study.parsed_arms(), {}
    for filtered in (False, True):
        counts = synthetic_counts(prepared.fit, arms, filtered)
        filters = tuple(study.generator.filters) if filtered else ()
        for seed in study.generator.seeds if counts else ():
            place = folder, generators
            found[seed, filtered] = _draw(study, prepared, counts, filters, seed, *place)
    return found


def _draw(study, prepared: DataSplit, counts, filters, seed: int, folder: Path, generators: Path):
    from experiments.running import synthetic_record as drawings
    from ufgen.display.contact_sheet import Strip
    from ufgen.fidelity.feature_extractors import texture
    from ufgen.gan.sampling import sampler
    from ufgen.gan.training import trainer
    from ufgen.synthesis import pipeline

    fit, fit_pixels = prepared.fit, prepared.store.take(prepared.fit)
    recipe = study.generator_recipe(seed=seed)
    generator = trainer.train_generator(fit, fit_pixels, recipe, generators)
    by = provenance.made_by(
        "features",
        "experiments.running.synthetic_record",
        "ufgen.synthesis.pipeline",
        "ufgen.synthesis.evaluation",
    )
    numbers = provenance.key(8, counts, filters, by)
    drawn = folder / "synthetic" / f"{generator.name}-{numbers}"
    if not (drawn / "fidelity.csv").is_file():
        sampling = pipeline.SamplingOptions(filters=filters)
        kept, dropped = pipeline.sample_filtered(
            generator, counts, sampling, fit, fit_pixels, texture()
        )

        unseen = Strip(prepared.validation.table, prepared.store.take(prepared.validation))

        def record(place: Path) -> None:
            drawings.describe(place, kept, fit, fit_pixels, unseen)
            if filters:
                dropped.to_csv(place / "dropped.csv", index=False)

        sampler.write(kept, drawn, fit, fit_pixels, record)
    seen = pd.read_csv(drawn / "training.csv", dtype=str, keep_default_na=False)
    for held_out in (prepared.validation, prepared.test):
        splits.check_no_leak(seen, held_out, by=f"the generator {generator.name}")
    synthetic = image_set.scan(drawn / "manifest.csv", study.images.positive)
    options = study.images
    decoded = pixel_store.load(synthetic, options.resolution, options.channels, options.fit)
    return decoded.images, decoded.store
