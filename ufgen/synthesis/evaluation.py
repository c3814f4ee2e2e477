"""Evaluation of synthetic images: fidelity metrics and gate, copy test, and the gallery page."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ufgen.atomic import atomic_file, write_text
from ufgen.display.contact_sheet import LabelledImages
from ufgen.display.figure_style import source_word
from ufgen.fidelity import fidelity_table, gate
from ufgen.fidelity.feature_extractors import Extractor, extract, network_name, texture
from ufgen.fidelity.memorization import CopyReport, find_copies
from ufgen.gan.recipe import Recipe
from ufgen.gan.sampling.interpolations import write_interpolations
from ufgen.gan.sampling.sampler import GeneratedImages
from ufgen.images import pixel_store
from ufgen.images.image_set import ImageSet
from ufgen.synthesis.gallery import write_gallery

MIN_HELD_OUT = 5


class FidelityReport(NamedTuple):
    """Fidelity metrics, the copy test, and warnings.

    Attributes:
        fidelity: The table of `fidelity_table.measure`.
        copies: The copies of training images.
        warnings: Sentences on what limits these results.
        real: The word for the images compared with: "real", or "simulated" for a phantom's.
    """

    fidelity: pd.DataFrame
    copies: CopyReport
    warnings: tuple[str, ...] = ()
    real: str = "real"

    @property
    def copying(self) -> bool:
        """Whether the generator copies; for images that fail the gate only the copy rate counts.

        Smooth or averaged images correlate with any image, so that the tests mean little for them.
        """
        failed = bool(gate.failures(self.fidelity))
        return self.copies.rate_above_chance if failed else self.copies.copying

    @property
    def verdict(self) -> str:
        """Whether the images are like the real ones, and then whether they are copies."""
        if not gate.failures(self.fidelity):
            return "\n".join([gate.verdict(self.fidelity, self.real), self.copies.verdict()])
        lines = [
            gate.verdict(self.fidelity, self.real),
            f"{self.copies.count_text()}; a low copy rate means nothing for images that fail the "
            "gate.",
            "Before using them, train the generator longer (--kimg, --budget) or on more images.",
        ]
        return "\n".join(lines)

    def text(self) -> str:
        """Format the report.

        Returns:
            The table, the warnings and the verdict, as lines.
        """
        warnings = (f"warning: {text}" for text in self.warnings)
        return "\n".join([fidelity_table.render(self.fidelity), *warnings, self.verdict])


def training_and_held_out(decoded: pixel_store.Decoded) -> tuple[ImageSet, LabelledImages | None]:
    """Divide decoded images into training images and held-out ones.

    Args:
        decoded: Decoded images with or without a split.

    Returns:
        The training images (all, where none is in train), and the test images, or where these are
        fewer than 5 the validation images, or None.

    Raises:
        UserError: Some of the images have a split and others have none.
    """
    images = decoded.images
    if "train" not in set(images.table["split"]):
        return images, None
    for name in ("test", "validation"):
        held_out = images.split(name)
        if len(held_out) >= MIN_HELD_OUT:
            pixels = decoded.store.take(held_out)
            return images.split("train"), LabelledImages(held_out.table, pixels)
    return images.split("train"), None


def evaluate_synthetic(
    folder: Path,
    generated: GeneratedImages,
    train: ImageSet,
    train_pixels: np.ndarray,
    held_out: LabelledImages | None,
    extractor: Extractor,
) -> FidelityReport:
    """Evaluate generated images: fidelity, copies, interpolations and gallery.html.

    Args:
        folder: The folder that the images are written to, with curves.png.
        generated: The images.
        train: The training images of the generator.
        train_pixels: Their pixels, uint8 (N, H, W, C).
        held_out: Real images that the generator has not seen.
        extractor: Feature extractor beside `texture`.

    Returns:
        The report, which is also written into `folder`.
    """
    synthetic = ImageSet(generated.table, None)
    report = compare_image_sets(
        folder, train, train_pixels, synthetic, generated.pixels, held_out, extractor, train
    )
    warnings = (*report.warnings, *extractor_bias_warning(generated.recipe, extractor))
    report = report._replace(warnings=warnings)
    write_interpolations(folder, generated)
    write_gallery(
        folder / "gallery.html",
        generated.title(),
        LabelledImages(train.table, train_pixels),
        LabelledImages(generated.table, generated.pixels),
        report.copies.table,
        report.fidelity,
        [
            ("each metric beside its real-vs-real reference", folder / "fidelity.png"),
            ("losses and distance over the training", folder / "curves.png"),
            ("latent interpolation", folder / "interpolation.png"),
            ("latent interpolation, animated", folder / "interpolation.gif"),
        ],
        [*report.warnings, *([report.copies.verdict()] if report.copying else [])],
    )
    return report


def compare_image_sets(
    folder: Path,
    real: ImageSet,
    real_pixels: np.ndarray,
    synthetic: ImageSet,
    synthetic_pixels: np.ndarray,
    held_out: LabelledImages | None,
    extractor: Extractor,
    train: ImageSet,
    train_pixels: np.ndarray | None = None,
) -> FidelityReport:
    """Measure fidelity against real images, and look for copies of training images.

    Writes fidelity.csv, fidelity.png, copies.csv, near_duplicates.csv (training images of
    different groups that are nearly the same image) and copies.txt.

    Args:
        folder: Where to write.
        real: Real images for the fidelity metrics.
        real_pixels: Their pixels, uint8 (N, H, W, C).
        synthetic: Synthetic images.
        synthetic_pixels: Their pixels, uint8 (M, H, W, C).
        held_out: Real images that the generator has not seen.
        extractor: Feature extractor beside `texture`.
        train: Training images of the generator.
        train_pixels: Their pixels, uint8 (K, H, W, C); by default `real_pixels`.

    Returns:
        The report.

    Raises:
        UserError: Some features are not finite.
    """
    train_pixels = real_pixels if train_pixels is None else train_pixels
    extractors = [texture()]
    if extractor.name != "texture":
        extractors.append(extractor)
    table = fidelity_table.measure(
        _by_class(real, real_pixels), _by_class(synthetic, synthetic_pixels), extractors
    )
    word = source_word(real.table["source"])
    fidelity_table.write(table, folder, word)
    copies = _find_copies(
        LabelledImages(synthetic.table, synthetic_pixels),
        LabelledImages(train.table, train_pixels),
        held_out,
        extractor,
    )
    paths = train.relative()["path"].to_numpy()
    rows = copies.table.assign(
        path=synthetic.relative()["path"].to_numpy(), nearest=paths[copies.table["train_row"]]
    )
    pairs = copies.duplicates
    pairs = pairs.assign(path=paths[pairs["row"]], other_path=paths[pairs["other"]])
    for name, contents in (("copies.csv", rows), ("near_duplicates.csv", pairs)):
        with atomic_file(folder / name) as temporary:
            contents.to_csv(temporary, index=False)
    report = FidelityReport(table, copies, _near_duplicates_warning(pairs), word)
    write_text(folder / "copies.txt", "\n".join([*report.warnings, report.verdict]) + "\n")
    return report


def _find_copies(
    synthetic: LabelledImages,
    train: LabelledImages,
    held_out: LabelledImages | None,
    extractor: Extractor,
) -> CopyReport:
    """Copies of training images, in pixels and in features."""
    reference = extract(extractor, train.pixels)

    def features(images: LabelledImages) -> np.ndarray:
        return fidelity_table.standardised(extract(extractor, images.pixels), reference, extractor)

    def labels(images: LabelledImages) -> np.ndarray:
        return images.table["label"].to_numpy()

    return find_copies(
        synthetic.pixels,
        train.pixels,
        None if held_out is None else held_out.pixels,
        (features(synthetic), features(train), None if held_out is None else features(held_out)),
        train.table["group"].to_numpy(),
        (labels(synthetic), labels(train), None if held_out is None else labels(held_out)),
    )


def _near_duplicates_warning(pairs: pd.DataFrame) -> tuple[str, ...]:
    """A warning where training images of different groups are nearly the same image."""
    if not len(pairs):
        return ()
    first = pairs.iloc[0]
    names = " and ".join(Path(first[name]).name for name in ("path", "other_path"))
    count = "1 pair" if len(pairs) == 1 else f"{len(pairs)} pairs"
    return (
        f"Near-duplicates: {count} of training images correlate above "
        f"{pairs['correlation'].min():.3f} though their groups differ, such as {names} "
        "(near_duplicates.csv lists all). If they show one patient, give the groups "
        "(--group-pattern, or the column group): a split may have put its images on both sides.",
    )


def extractor_bias_warning(recipe: Recipe, extractor: Extractor) -> tuple[str, ...]:
    """Warn where the generator was trained against the features that now measure it.

    Args:
        recipe: The generator's recipe.
        extractor: The extractor of the fidelity metrics.

    Returns:
        The warning, or nothing.
    """
    if not recipe.features or network_name(recipe.features) != extractor.name:
        return ()
    return (
        f"The generator was trained against features of {extractor.name}: distances measured "
        "with the same network are biased in its favour. Measure with another one.",
    )


def _by_class(images: ImageSet, pixels: np.ndarray) -> dict[str, np.ndarray]:
    labels = images.table["label"].to_numpy()
    return {label: pixels[labels == label] for label in images.classes}
