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
from ufgen.images.manifest import ALL_SPLITS
from ufgen.images.pixel_store import Decoded
from ufgen.synthesis.evaluation import (
    FidelityReport,
    compare_image_sets,
    extractor_bias_warning,
    training_and_held_out,
)

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
    """Measure the fidelity of a folder of synthetic images, and look for copies.

    Copies are looked for among the training images of `real`. Where either folder has no classes,
    all images of both are one class.

    Args:
        real: Folder or manifest of real images.
        synthetic: Folder or manifest of synthetic images.
        out: Folder for the files of `compare_image_sets` and quarantine.csv.
        extractor: Feature extractor beside `texture`.
        split: The split of `real` that fidelity compares with; by default the training images.
        resolution: Height and width in pixels; by default the smaller side of a synthetic image.
        channels: 1 (grey) or 3 (RGB).
        fit: "crop" or "pad" (see `pixel_store.load`).
        group_pattern: Regular expression for the groups of `real` (see `image_set.scan`).
        allow_ungrouped: Whether real images without a group may lie beside others with one.

    Returns:
        The report, which is also written into `out`.

    Raises:
        UserError: The images cannot be read or compared, an image is in both folders, or an image
            of `real` is synthetic.
    """
    real_images = image_set.scan(real, None, group_pattern, False, allow_ungrouped, ONE_CLASS)
    synthetic_images = image_set.scan(synthetic, None, None, False, True, ONE_CLASS)
    image_set.report_left_out(real_images)
    image_set.report_left_out(synthetic_images)
    splits.check_real(real_images, "real")
    if ONE_CLASS in {*real_images.classes, *synthetic_images.classes}:
        real_images, synthetic_images = _one_class(real_images), _one_class(synthetic_images)
    size = resolution or min(pixel_store.decode(synthetic_images.table["path"].iloc[0]).shape[:2])
    decoded_synthetic = pixel_store.load(synthetic_images, size, channels, fit)
    decoded_real = pixel_store.load(real_images, size, channels, fit)
    train, held_out = training_and_held_out(decoded_real)
    compared = train
    if split:
        compared = decoded_real.images.split(split)
        if not len(compared):
            raise UserError(
                f"{real} has no split {split}: leave --split out, or pass one of "
                f"{', '.join(ALL_SPLITS)}"
            )
    classes, synthetic_classes = compared.classes, decoded_synthetic.images.classes
    if not set(classes) & set(synthetic_classes):
        raise UserError(
            f"{real} has the classes {', '.join(classes)}, {synthetic} has "
            f"{', '.join(synthetic_classes)}: expected a class in common"
        )
    in_both = set(decoded_real.images.table["sha256"])
    in_both &= set(decoded_synthetic.images.table["sha256"])
    if in_both:
        raise UserError(
            f"{len(in_both)} image(s) are in {real} and in {synthetic}: synthetic images cannot be "
            "measured against themselves"
        )
    report = compare_image_sets(
        Path(out),
        compared,
        decoded_real.store.take(compared),
        decoded_synthetic.images,
        decoded_synthetic.store.take(decoded_synthetic.images),
        held_out,
        extractor,
        train,
        decoded_real.store.take(train),
    )
    _write_quarantine(Path(out), {"real": decoded_real, "synthetic": decoded_synthetic})
    recipe = Path(synthetic) / "generator" / "recipe.yaml"
    warnings = extractor_bias_warning(load_recipe(recipe), extractor) if recipe.is_file() else ()
    return report._replace(warnings=(*report.warnings, *warnings))


def _one_class(images: ImageSet) -> ImageSet:
    return replace(images, table=images.table.assign(label=ONE_CLASS))


def _write_quarantine(out: Path, sides: dict[str, Decoded]) -> None:
    """Write the files of both folders that could not be read to quarantine.csv."""
    tables = [
        decoded.images.relative(decoded.quarantine).assign(side=side)
        for side, decoded in sides.items()
    ]
    with atomic_file(out / "quarantine.csv") as temporary:
        pd.concat(tables, ignore_index=True).to_csv(temporary, index=False)
