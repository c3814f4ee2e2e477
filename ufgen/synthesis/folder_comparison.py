"""`ufgen fidelity`: compare two folders of images."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from ufgen.atomic import atomic_file
from ufgen.errors import UserError
from ufgen.fidelity.feature_extractors import Extractor
from ufgen.gan.recipe import load_recipe
from ufgen.images import image_set, pixel_store, splits
from ufgen.images.image_set import ImageSet
from ufgen.synthesis.evaluation import FidelityReport, compare, flattery, training_and_held_out

ONE_CLASS = "images"


def compare_folders(
    real: Path,
    synthetic: Path,
    out: Path,
    extractor: Extractor,
    split: str | None = None,
    resolution: int | None = None,
    channels: int = 1,
    fit: str = "crop",
    group_pattern: str | None = None,
    allow_ungrouped: bool = False,
) -> FidelityReport:
    """Compare two folders of images; the size is that of the synthetic images.

    `split` names the real images to compare with, by default the training images. Copies are
    looked for among the training images. Where a folder has no classes, all images of both count
    as one class. Raises UserError, also where a picture is in both, or a real image is synthetic.
    """
    images = image_set.scan(real, None, group_pattern, False, allow_ungrouped, ONE_CLASS)
    drawn = image_set.scan(synthetic, None, None, False, True, ONE_CLASS)
    splits.check_real(images, "real")
    if ONE_CLASS in {*images.classes, *drawn.classes}:
        images, drawn = _as_one_class(images), _as_one_class(drawn)
    size = resolution or min(pixel_store.decode(drawn.table["path"].iloc[0]).shape[:2])
    drawn = pixel_store.load(drawn, size, channels, fit)
    decoded = pixel_store.load(images, size, channels, fit)
    train, held_out = training_and_held_out(decoded)
    chosen = train
    if split:
        chosen = decoded.images.split(split)
        if not len(chosen):
            raise UserError(f"{real} has no split {split}: leave --split out, or say train or test")
    if not set(chosen.classes) & set(drawn.images.classes):
        raise UserError(
            f"{real} has the classes {', '.join(chosen.classes)}, {synthetic} has "
            f"{', '.join(drawn.images.classes)}: expected a class in common"
        )
    sides = {"real": decoded, "synthetic": drawn}
    parts = [
        part.images.relative(part.quarantine).assign(side=side) for side, part in sides.items()
    ]
    broken = pd.concat(parts, ignore_index=True)
    both = set(decoded.images.table["sha256"]) & set(drawn.images.table["sha256"])
    if both:
        raise UserError(
            f"{len(both)} pictures are in {real} and in {synthetic}: synthetic images cannot be "
            "measured against themselves"
        )
    found = compare(
        Path(out),
        chosen,
        decoded.store.take(chosen),
        drawn.images,
        drawn.store.take(drawn.images),
        held_out,
        extractor,
        train,
        decoded.store.take(train),
    )
    with atomic_file(Path(out) / "quarantine.csv") as temporary:
        broken.to_csv(temporary, index=False)
    recipe = Path(synthetic) / "generator" / "recipe.yaml"
    more = flattery(load_recipe(recipe), extractor) if recipe.is_file() else ()
    return found._replace(warnings=(*found.warnings, *more))


def _as_one_class(images: ImageSet) -> ImageSet:
    return replace(images, table=images.table.assign(label=ONE_CLASS))
