"""`ufgen synth`: train a generator on a folder of images; generate and evaluate synthetic ones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ufgen.atomic import check_replaceable
from ufgen.errors import UserError
from ufgen.fidelity.feature_extractors import Extractor, extract, texture
from ufgen.fidelity.fidelity_table import standardised
from ufgen.fidelity.memorization import find_copies
from ufgen.gan.recipe import load_recipe
from ufgen.gan.sampling.sampler import GeneratedImages, generate_images, write
from ufgen.gan.training.trainer import train_generator
from ufgen.images import image_set, pixel_store, splits
from ufgen.images.image_set import ImageSet
from ufgen.synthesis import evaluation, filters

ALL_FILTERS = (*filters.FILTERS, "copies")
MIN_GENERATED = 32
MAX_ROUNDS = 5


@dataclass(frozen=True)
class SamplingOptions:
    """Which images to generate, and which of them to keep.

    Attributes:
        per_class: Number of images of each class, or of the classes that a dictionary names; of the
            others as many as there are real ones.
        seed: Seed of the latent codes.
        truncation: Below 1 for more typical, less diverse images.
        filters: Names from `ALL_FILTERS`; images that pass all of them are kept.
        agreement: For the filter agreement: from generated images, uint8 (N, H, W, C), their labels
            (N,) and the hashes of the generator's training images to the probability of each
            image's own label, (N,).

    Raises:
        UserError: There is no such filter, or the filter agreement and its function are not given
            together.
    """

    per_class: int | dict[str, int] | None = None
    seed: int = 0
    truncation: float = 1.0
    filters: tuple[str, ...] = ()
    agreement: Callable[[np.ndarray, np.ndarray, pd.Series], np.ndarray] | None = None

    def __post_init__(self) -> None:
        unknown = set(self.filters) - set(ALL_FILTERS)
        if unknown:
            raise UserError(
                f"there is no filter {', '.join(sorted(unknown))}: expected some of "
                f"{', '.join(ALL_FILTERS)}"
            )
        if ("agreement" in self.filters) != (self.agreement is not None):
            raise UserError(
                "the filter agreement and --classifier belong together: name the folder that "
                "`ufgen train` wrote from the same training images"
            )


def synthesise(
    location: Path,
    out: Path,
    recipe_name: str,
    options: dict[str, Any],
    sampling: SamplingOptions,
    generators: Path,
    group_pattern: str | None = None,
    allow_ungrouped: bool = False,
    fit: str = "crop",
    extractor: Extractor | None = None,
    named: bool = True,
) -> evaluation.FidelityReport:
    """Train a generator on the training split (or reuse it), generate images and evaluate them.

    Where the images have no split, all of them are training images; those of the splits validation
    and test never are.

    Args:
        location: Folder or manifest of real images.
        out: Folder for the synthetic images. One that ufgen did not write is never replaced.
        recipe_name: Name or YAML file of the generator's recipe.
        options: Options that replace those of the recipe.
        sampling: Which images to generate and keep.
        generators: Folder of trained generators, for reuse.
        group_pattern: Regular expression for the groups (see `image_set.scan`).
        allow_ungrouped: Whether images without a group may lie beside others with one.
        fit: "crop" or "pad" (see `pixel_store.load`).
        extractor: Feature extractor of snapshot selection and evaluation; by default `texture`.
        named: Whether the user named `out`: only then is one replaced whose images were generated
            from other training images.

    Returns:
        The report, which is also written into `out`.

    Raises:
        UserError: The images cannot be read or divided, the recipe or the options are wrong, `out`
            must not be replaced, or too few images pass the filters.
    """
    check_replaceable(out, ("manifest.csv", "generator/recipe.yaml"), "ufgen synth")
    recipe = load_recipe(recipe_name, **options)
    images = image_set.scan(location, None, group_pattern, False, allow_ungrouped)
    image_set.report_left_out(images)
    splits.check_real(images, "training")
    splits.check_training(images)
    decoded = pixel_store.load(images, recipe.resolution, recipe.channels, fit)
    splits.check_disjoint(decoded.images)
    train, held_out = evaluation.training_and_held_out(decoded)
    if not named:
        _check_same_source(out, train)
    counts = _counts_per_class(sampling, train)
    train_pixels = decoded.store.take(train)
    generator = train_generator(train, train_pixels, recipe, generators, extractor=extractor)
    extractor = extractor or texture()
    kept, dropped = sample_filtered(generator, counts, sampling, train, train_pixels, extractor)
    reports = []

    def add_reports(folder: Path) -> None:
        images.relative(decoded.quarantine).to_csv(folder / "quarantine.csv", index=False)
        if sampling.filters:
            dropped.to_csv(folder / "dropped.csv", index=False)
        reports.append(
            evaluation.evaluate_synthetic(folder, kept, train, train_pixels, held_out, extractor)
        )

    write(kept, out, train, train_pixels, add_reports)
    return reports[0]


def _check_same_source(out: Path, train: ImageSet) -> None:
    """Raise UserError if the images in `out` were generated from none of the images `train`."""
    file = Path(out) / "training.csv"
    if not file.is_file():
        return
    earlier = pd.read_csv(file, dtype=str, keep_default_na=False)["sha256"]
    if not set(earlier) & set(train.table["sha256"]):
        raise UserError(
            f"{out} was generated from other images, of a folder of the same name, and would be "
            "replaced: choose another name with --name"
        )


def _counts_per_class(sampling: SamplingOptions, train: ImageSet) -> dict[str, int]:
    counts = {label: int(n) for label, n in train.table["label"].value_counts().items()}
    requested = sampling.per_class or {}
    if not isinstance(requested, dict):
        requested = dict.fromkeys(counts, requested)
    if unknown := set(requested) - set(counts):
        raise UserError(
            f"there are no training images of {', '.join(sorted(unknown))} to generate more of: "
            f"found {', '.join(train.classes)}"
        )
    return {label: requested.get(label, counts[label]) for label in train.classes}


def sample_filtered(
    generator: Path,
    counts: dict[str, int],
    sampling: SamplingOptions,
    train: ImageSet,
    train_pixels: np.ndarray,
    extractor: Extractor,
) -> tuple[GeneratedImages, pd.DataFrame]:
    """Generate images until enough pass the filters, each time twice as many.

    Args:
        generator: Folder of a trained generator.
        counts: Number of images of each class.
        sampling: Seed, truncation and filters.
        train: The training images of the generator.
        train_pixels: Their pixels, uint8 (N, H, W, C).
        extractor: Feature extractor of the filter manifold.

    Returns:
        The images that pass, and a table of those that were dropped: label, latent_seed, filter,
        score, limit, reason; empty without filters.

    Raises:
        UserError: Too few images pass.
    """
    if not sampling.filters:
        return generate_images(
            generator, counts, sampling.seed, sampling.truncation
        ), pd.DataFrame()
    for factor in 2 ** np.arange(MAX_ROUNDS):
        requested = {label: max(MIN_GENERATED, int(factor) * n) for label, n in counts.items()}
        generated = generate_images(generator, requested, sampling.seed, sampling.truncation)
        labels = generated.table["label"].to_numpy()
        tables = _filter_tables(generated, sampling, train, train_pixels, extractor)
        passed, dropped = filters.apply(tables, labels)
        rank = pd.Series(passed).groupby(labels).cumsum().to_numpy()
        keep = passed & (rank <= pd.Series(labels).map(counts).to_numpy())
        kept = pd.Series(labels[keep]).value_counts()
        if all(kept.get(label, 0) == n for label, n in counts.items()):
            origin = generated.table[["label", "latent_seed"]].iloc[dropped["row"]]
            reasons = dropped.drop(columns="row").reset_index(drop=True)
            return generated.select(keep), origin.reset_index(drop=True).join(reasons)
    raise UserError(
        f"of {len(generated.table)} generated images only {int(keep.sum())} are kept by the "
        f"filters {', '.join(sampling.filters)}; {sum(counts.values())} were requested: request "
        "fewer, leave a filter out, or train the generator longer"
    )


def _filter_tables(
    generated: GeneratedImages,
    sampling: SamplingOptions,
    train: ImageSet,
    train_pixels: np.ndarray,
    extractor: Extractor,
) -> dict[str, pd.DataFrame]:
    """The table of each filter."""
    labels = generated.table["label"].to_numpy()
    tables = {}
    for name in sampling.filters:
        if name == "agreement":
            assert sampling.agreement is not None
            seen = generated.training["sha256"]
            probability = sampling.agreement(generated.pixels, labels, seen)
            tables[name] = filters.by_agreement(probability)
        elif name == "discriminator":
            scores = generated.table["discriminator_score"].to_numpy()
            tables[name] = filters.by_discriminator(scores, labels)
        elif name == "manifold":
            reference = extract(extractor, train_pixels)
            features = extractor.function(generated.pixels)
            tables[name] = filters.by_manifold(
                standardised(features, reference, extractor),
                standardised(reference, reference, extractor),
            )
        else:
            groups = train.table["group"].to_numpy()
            copies = find_copies(generated.pixels, train_pixels, groups=groups)
            tables[name] = filters.by_copies(copies)
    return tables
