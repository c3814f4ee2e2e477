"""How good synthetic images are: fidelity, copies, pictures, and the page that shows them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from ufgen import imageset, pixels, splits
from ufgen.atomic import whole_file, write_text
from ufgen.contact_sheet import Strip
from ufgen.errors import UserError
from ufgen.fidelity import measure
from ufgen.fidelity.copies import Copies, find_copies
from ufgen.fidelity.extractors import Extractor, extract, network_name, texture
from ufgen.gallery import write_gallery
from ufgen.gan.latents import interpolate, render
from ufgen.gan.recipe import Recipe, load_recipe
from ufgen.gan.sampler import Drawn, load_generator
from ufgen.grids import GRID_COLUMNS, TILE, write_grid
from ufgen.imageset import ImageSet

STRIP_SEEDS, STRIP_BETWEEN = GRID_COLUMNS // 2, 2
GIF_SEEDS, GIF_BETWEEN, GIF_MILLISECONDS = 4, 12, 80
FEWEST_HELD_OUT = 5


class Appraisal(NamedTuple):
    """The table of `ufgen.fidelity.measure`, what was found of copies, and what to beware of."""

    fidelity: pd.DataFrame
    copies: Copies
    warnings: tuple[str, ...] = ()

    def text(self) -> str:
        lines = [measure.render(self.fidelity), self.copies.verdict()]
        return "\n".join([*lines, *(f"warning: {text}" for text in self.warnings)])


def training_and_held_out(decoded: pixels.Decoded) -> tuple[ImageSet, np.ndarray | None]:
    """The training images (all, where there is no split), and the pixels of the test images."""
    images = decoded.images
    if "train" not in set(images.table["split"]):
        return images, None
    test = images.split("test")
    held_out = decoded.store.take(test) if len(test) >= FEWEST_HELD_OUT else None
    return images.split("train"), held_out


def appraise(
    folder: Path,
    drawn: Drawn,
    train: ImageSet,
    train_pixels: np.ndarray,
    held_out: np.ndarray | None,
    extractor: Extractor,
) -> Appraisal:
    """Measure images `drawn` into `folder`: numbers, copies, interpolations, gallery.html."""
    synthetic = ImageSet(drawn.table, None)
    found = compare(
        folder, train, train_pixels, synthetic, drawn.pixels, held_out, extractor, train
    )
    found = found._replace(warnings=_flattery(drawn.recipe, extractor))
    _write_interpolations(folder, drawn)
    write_gallery(
        folder / "gallery.html",
        drawn.title(),
        Strip(train.table, train_pixels),
        Strip(drawn.table, drawn.pixels),
        found.copies.table,
        found.fidelity,
        [
            ("each number beside its real-against-real floor", folder / "fidelity.png"),
            ("losses and distance over the training", folder / "curves.png"),
            ("from one image to the next", folder / "interpolation.png"),
            ("from one image to the next, moving", folder / "interpolation.gif"),
        ],
        [*found.warnings, *([found.copies.verdict()] if found.copies.copying else [])],
    )
    return found


def compare(
    folder: Path,
    real: ImageSet,
    real_pixels: np.ndarray,
    synthetic: ImageSet,
    synthetic_pixels: np.ndarray,
    held_out: np.ndarray | None,
    extractor: Extractor,
    train: ImageSet,
    train_pixels: np.ndarray | None = None,
) -> Appraisal:
    """Write fidelity.csv, fidelity.png, copies.csv and copies.txt into `folder`.

    Fidelity compares with the `real` images; copies are looked for among the `train` images
    (`train_pixels`, by default the real ones').
    """
    train_pixels = real_pixels if train_pixels is None else train_pixels
    extractors = [texture()]
    if extractor.name != "texture":
        extractors.append(extractor)
    table = measure.measure(
        _by_class(real, real_pixels), _by_class(synthetic, synthetic_pixels), extractors
    )
    measure.write(table, folder)
    reference = extract(extractor, train_pixels)
    parts = (synthetic_pixels, train_pixels, held_out)
    features = [
        None if p is None else measure.standardised(extract(extractor, p), reference, extractor)
        for p in parts
    ]
    groups = train.table["group"].to_numpy()
    copies = find_copies(synthetic_pixels, train_pixels, held_out, tuple(features), groups)
    nearest = train.relative()["path"].to_numpy()[copies.table["train_row"]]
    shown = copies.table.assign(path=synthetic.relative()["path"].to_numpy(), nearest=nearest)
    with whole_file(folder / "copies.csv") as temporary:
        shown.to_csv(temporary, index=False)
    write_text(folder / "copies.txt", copies.verdict() + "\n")
    return Appraisal(table, copies)


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
) -> Appraisal:
    """`ufgen fidelity`: compare two folders of images; the size is that of the synthetic images.

    `split` names the real images to compare with, by default the training images. Copies are
    looked for among the training images. Raises UserError, also where a picture is in both.
    """
    drawn = imageset.scan(synthetic, binary=False, allow_ungrouped=True)
    size = resolution or min(pixels.decode(drawn.table["path"].iloc[0]).shape[:2])
    drawn = pixels.load(drawn, size, channels, fit)
    images = imageset.scan(real, None, group_pattern, False, allow_ungrouped)
    splits.check_real(images, "real")
    decoded = pixels.load(images, size, channels, fit)
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
    with whole_file(Path(out) / "quarantine.csv") as temporary:
        broken.to_csv(temporary, index=False)
    recipe = Path(synthetic) / "generator" / "recipe.yaml"
    if recipe.is_file():
        found = found._replace(warnings=_flattery(load_recipe(recipe), extractor))
    return found


def _flattery(recipe: Recipe, extractor: Extractor) -> tuple[str, ...]:
    """A warning where the generator was trained against the features that now measure it."""
    if not recipe.features or network_name(recipe.features) != extractor.name:
        return ()
    return (
        f"The generator was trained against features of {extractor.name}: distances measured "
        "with the same network flatter it. Measure with another one.",
    )


def _by_class(images: ImageSet, shown: np.ndarray) -> dict[str, np.ndarray]:
    labels = images.table["label"].to_numpy()
    return {label: shown[labels == label] for label in images.classes}


def _write_interpolations(folder: Path, drawn: Drawn) -> None:
    """interpolation.png, a strip for each class, and interpolation.gif, the classes in a row."""
    network, recipe, about = load_generator(drawn.generator)
    rows, films = [], []
    for label in dict.fromkeys(drawn.table["label"]):
        of_class = drawn.table[drawn.table["label"] == label]
        index = about["classes"].index(label)
        seed = int(of_class["latent_seed"].iloc[0].split("-")[0])
        truncation = np.float32(of_class["truncation"].iloc[0])

        def film(seeds: int, between: int, index=index, seed=seed, truncation=truncation):
            places = [[seed, index, i] for i in range(seeds)]
            latents, noise = interpolate(recipe, places, between)
            labels = np.full(len(latents), index, "int32")
            return render(network, latents * truncation, labels, noise)

        rows.append((f"{label}\nsynthetic", film(STRIP_SEEDS, STRIP_BETWEEN)))
        films.append(film(GIF_SEEDS, GIF_BETWEEN))
    write_grid(folder / "interpolation.png", rows, f"from one image to the next: {drawn.title()}")
    frames = np.concatenate(films, axis=2)
    factor = max(1, TILE // frames.shape[1])
    frames = frames.repeat(factor, 1).repeat(factor, 2)
    pictures = [Image.fromarray(pixels.as_picture(frame)) for frame in frames]
    with whole_file(folder / "interpolation.gif") as temporary:
        pictures[0].save(
            temporary,
            save_all=True,
            append_images=pictures[1:],
            duration=GIF_MILLISECONDS,
            loop=0,
        )
