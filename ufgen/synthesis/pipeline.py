"""`ufgen synth`: from a folder of images to a folder of synthetic ones, measured and shown."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ufgen.atomic import check_replaceable
from ufgen.errors import UserError
from ufgen.fidelity.feature_extractors import Extractor, extract, texture
from ufgen.fidelity.fidelity_table import standardised
from ufgen.fidelity.memorization import find_copies
from ufgen.gan.recipe import load_recipe
from ufgen.gan.sampling.sampler import GeneratedImages, draw, write
from ufgen.gan.training.trainer import train_generator
from ufgen.images import image_set, pixel_store, splits
from ufgen.images.image_set import ImageSet
from ufgen.synthesis import evaluation, filters

FILTERS = (*filters.FILTERS, "copies")
FEWEST_DRAWN = 32
ROUNDS = 5


@dataclass(frozen=True)
class Choice:
    """Which images are kept of those that a generator can draw.

    `per_class` images of each class, or of those that a dictionary names; elsewhere as many as
    there are real ones. `truncation` below 1 for more typical ones; those that pass all `filters`.
    The filter `agreement` asks that function for the probability of each image's own label.
    """

    per_class: int | dict[str, int] | None = None
    seed: int = 0
    truncation: float = 1.0
    filters: tuple[str, ...] = ()
    agreement: Callable[[GeneratedImages], np.ndarray] | None = None

    def __post_init__(self):
        unknown = set(self.filters) - set(FILTERS)
        if unknown:
            raise UserError(
                f"there is no filter {', '.join(sorted(unknown))}: expected some of "
                f"{', '.join(FILTERS)}"
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
    options: dict,
    choice: Choice,
    generators: Path,
    group_pattern: str | None = None,
    allow_ungrouped: bool = False,
    fit: str = "crop",
    extractor: Extractor | None = None,
    named: bool = True,
) -> evaluation.FidelityReport:
    """Train a generator on the training split (or reuse it), draw images into `out`, measure them.

    Where the images have no split, all of them are training images. The snapshot is chosen with
    the `extractor`, by default `texture`. Raises UserError; an `out` that ufgen did not write is
    never replaced, nor, unless it was `named`, one that was drawn for other images.
    """
    check_replaceable(out, ("manifest.csv", "generator/recipe.yaml"), "ufgen synth")
    recipe = load_recipe(recipe_name, **options)
    images = image_set.scan(location, None, group_pattern, False, allow_ungrouped)
    splits.check_real(images, "training")
    decoded = pixel_store.load(images, recipe.resolution, recipe.channels, fit)
    splits.check_disjoint(*map(decoded.images.split, splits.SPLITS))
    train, held_out = evaluation.training_and_held_out(decoded)
    if not named:
        _check_same_source(out, train)
    counts = _counts(choice, train)
    train_pixels = decoded.store.take(train)
    generator = train_generator(train, train_pixels, recipe, generators, extractor=extractor)
    extractor = extractor or texture()
    drawn, dropped = choose(generator, counts, choice, train, train_pixels, extractor)
    found = []

    def more(folder: Path) -> None:
        images.relative(decoded.quarantine).to_csv(folder / "quarantine.csv", index=False)
        if choice.filters:
            dropped.to_csv(folder / "dropped.csv", index=False)
        found.append(evaluation.appraise(folder, drawn, train, train_pixels, held_out, extractor))

    write(drawn, out, train, train_pixels, more)
    return found[0]


def _check_same_source(out: Path, train: ImageSet) -> None:
    """Raise UserError if `out` was drawn for images of which none is among `train`."""
    file = Path(out) / "training.csv"
    if not file.is_file():
        return
    earlier = pd.read_csv(file, dtype=str, keep_default_na=False)["sha256"]
    if not set(earlier) & set(train.table["sha256"]):
        raise UserError(
            f"{out} was drawn for other images, of a folder of the same name, and would be "
            "replaced: choose another name with --name"
        )


def _counts(choice: Choice, train: ImageSet) -> dict[str, int]:
    """How many images of each class to draw."""
    counts = {label: int(n) for label, n in train.table["label"].value_counts().items()}
    chosen = choice.per_class or {}
    if not isinstance(chosen, dict):
        chosen = dict.fromkeys(counts, chosen)
    if unknown := set(chosen) - set(counts):
        raise UserError(
            f"there are no training images of {', '.join(sorted(unknown))} to draw more of: found "
            f"{', '.join(train.classes)}"
        )
    return {label: chosen.get(label, counts[label]) for label in train.classes}


def choose(
    generator: Path,
    counts: dict[str, int],
    choice: Choice,
    train: ImageSet,
    train_pixels: np.ndarray,
    extractor: Extractor,
) -> tuple[GeneratedImages, pd.DataFrame]:
    """Images that pass the filters, and a table of those that were dropped and why.

    Twice as many are drawn until enough pass. Raises UserError where that does not help.
    """
    if not choice.filters:
        return draw(generator, counts, choice.seed, choice.truncation), pd.DataFrame()
    for factor in 2 ** np.arange(ROUNDS):
        asked = {label: max(FEWEST_DRAWN, int(factor) * n) for label, n in counts.items()}
        drawn = draw(generator, asked, choice.seed, choice.truncation)
        labels = drawn.table["label"].to_numpy()
        tables = _ask(drawn, choice, train, train_pixels, extractor)
        passed, dropped = filters.apply(tables, labels)
        rank = pd.Series(passed).groupby(labels).cumsum().to_numpy()
        keep = passed & (rank <= pd.Series(labels).map(counts).to_numpy())
        kept = pd.Series(labels[keep]).value_counts()
        if all(kept.get(label, 0) == n for label, n in counts.items()):
            what = drawn.table[["label", "latent_seed"]].iloc[dropped["row"]].reset_index(drop=True)
            return drawn.select(keep), what.join(dropped.drop(columns="row").reset_index(drop=True))
    raise UserError(
        f"of {len(drawn.table)} images drawn only {int(keep.sum())} pass the filters "
        f"{', '.join(choice.filters)}; {sum(counts.values())} were asked for: ask for fewer, leave "
        "a filter out, or train the generator longer"
    )


def _ask(
    drawn: GeneratedImages, choice: Choice, train, train_pixels, extractor
) -> dict[str, pd.DataFrame]:
    """Each filter's table for the images drawn."""
    labels = drawn.table["label"].to_numpy()
    tables = {}
    for name in choice.filters:
        if name == "agreement":
            probability = choice.agreement(drawn)
            tables[name] = filters.by_agreement(probability)
        elif name == "discriminator":
            scores = drawn.table["discriminator_score"].to_numpy()
            tables[name] = filters.by_discriminator(scores, labels)
        elif name == "manifold":
            reference = extract(extractor, train_pixels)
            features = extractor.function(drawn.pixels)
            both = (standardised(x, reference, extractor) for x in (features, reference))
            tables[name] = filters.by_manifold(*both)
        else:
            groups = train.table["group"].to_numpy()
            tables[name] = filters.by_copies(find_copies(drawn.pixels, train_pixels, groups=groups))
    return tables
