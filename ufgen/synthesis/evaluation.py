"""How good synthetic images are: fidelity, its gate, copies, and the page that shows them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ufgen.atomic import atomic_file, write_text
from ufgen.display.contact_sheet import Strip
from ufgen.fidelity import fidelity_table, gate
from ufgen.fidelity.feature_extractors import Extractor, extract, network_name, texture
from ufgen.fidelity.memorization import Copies, find_copies
from ufgen.gan.recipe import Recipe
from ufgen.gan.sampling.interpolations import write_interpolations
from ufgen.gan.sampling.sampler import GeneratedImages
from ufgen.images import pixel_store
from ufgen.images.image_set import ImageSet
from ufgen.synthesis.gallery import write_gallery

FEWEST_HELD_OUT = 5


class FidelityReport(NamedTuple):
    """The table of `fidelity_table`, what was found of copies, and what to beware of."""

    fidelity: pd.DataFrame
    copies: Copies
    warnings: tuple[str, ...] = ()

    @property
    def accused(self) -> bool:
        """Whether the images are said to be copies: those that fail the gate by their count only.

        Smooth or averaged images correlate with any image, so that the tests mean little for them.
        """
        few_alike = bool(gate.failures(self.fidelity))
        return self.copies.many if few_alike else self.copies.copying

    @property
    def verdict(self) -> str:
        """Whether the images are like the original ones, and then whether they are copies."""
        if not gate.failures(self.fidelity):
            return "\n".join([gate.verdict(self.fidelity), self.copies.verdict()])
        lines = [
            gate.verdict(self.fidelity),
            f"{self.copies.count()}; that says nothing in favour of such images.",
            "Before using them, train the generator longer (--kimg, --budget) or on more images.",
        ]
        return "\n".join(lines)

    def text(self) -> str:
        warnings = (f"warning: {text}" for text in self.warnings)
        return "\n".join([fidelity_table.render(self.fidelity), *warnings, self.verdict])


def training_and_held_out(decoded: pixel_store.Decoded) -> tuple[ImageSet, Strip | None]:
    """The training images (all, where there is no split), and the test images."""
    images = decoded.images
    if "train" not in set(images.table["split"]):
        return images, None
    test = images.split("test")
    if len(test) < FEWEST_HELD_OUT:
        return images.split("train"), None
    return images.split("train"), Strip(test.table, decoded.store.take(test))


def appraise(
    folder: Path,
    drawn: GeneratedImages,
    train: ImageSet,
    train_pixels: np.ndarray,
    held_out: Strip | None,
    extractor: Extractor,
) -> FidelityReport:
    """Measure images `drawn` into `folder`: numbers, copies, interpolations, gallery.html."""
    synthetic = ImageSet(drawn.table, None)
    found = compare(
        folder, train, train_pixels, synthetic, drawn.pixels, held_out, extractor, train
    )
    found = found._replace(warnings=(*found.warnings, *flattery(drawn.recipe, extractor)))
    write_interpolations(folder, drawn)
    write_gallery(
        folder / "gallery.html",
        drawn.title(),
        Strip(train.table, train_pixels),
        Strip(drawn.table, drawn.pixels),
        found.copies.table,
        found.fidelity,
        [
            ("each number beside its real-against-real reference", folder / "fidelity.png"),
            (
                "losses and distance over the training",
                folder / "curves.png",
            ),
            ("latent interpolation", folder / "interpolation.png"),
            ("latent interpolation, animated", folder / "interpolation.gif"),
        ],
        [*found.warnings, *([found.copies.verdict()] if found.accused else [])],
    )
    return found


def compare(
    folder: Path,
    real: ImageSet,
    real_pixels: np.ndarray,
    synthetic: ImageSet,
    synthetic_pixels: np.ndarray,
    held_out: Strip | None,
    extractor: Extractor,
    train: ImageSet,
    train_pixels: np.ndarray | None = None,
) -> FidelityReport:
    """Write fidelity.csv, fidelity.png, copies.csv, near_duplicates.csv and copies.txt.

    Fidelity compares with the `real` images; copies are looked for among the `train` images
    (`train_pixels`, by default the real ones'), and so are near-duplicates of unlike groups.
    """
    train_pixels = real_pixels if train_pixels is None else train_pixels
    extractors = [texture()]
    if extractor.name != "texture":
        extractors.append(extractor)
    table = fidelity_table.measure(
        _by_class(real, real_pixels), _by_class(synthetic, synthetic_pixels), extractors
    )
    fidelity_table.write(table, folder)
    sides = [Strip(synthetic.table, synthetic_pixels), Strip(train.table, train_pixels), held_out]
    copies = _find_copies(sides, extractor)
    paths = train.relative()["path"].to_numpy()
    shown = copies.table.assign(
        path=synthetic.relative()["path"].to_numpy(), nearest=paths[copies.table["train_row"]]
    )
    pairs = copies.duplicates
    pairs = pairs.assign(path=paths[pairs["row"]], other_path=paths[pairs["other"]])
    for name, rows in (("copies.csv", shown), ("near_duplicates.csv", pairs)):
        with atomic_file(folder / name) as temporary:
            rows.to_csv(temporary, index=False)
    found = FidelityReport(table, copies, _near_duplicates(pairs))
    write_text(folder / "copies.txt", "\n".join([*found.warnings, found.verdict]) + "\n")
    return found


def _find_copies(sides: list[Strip | None], extractor: Extractor) -> Copies:
    """Synthetic, training and held-out images compared, class by class where tests are made."""
    reference = extract(extractor, sides[1].pixels)

    def features(side: Strip) -> np.ndarray:
        return fidelity_table.standardised(extract(extractor, side.pixels), reference, extractor)

    return find_copies(
        *(None if side is None else side.pixels for side in sides),
        features=tuple(None if side is None else features(side) for side in sides),
        groups=sides[1].table["group"].to_numpy(),
        labels=tuple(None if side is None else side.table["label"].to_numpy() for side in sides),
    )


def _near_duplicates(pairs: pd.DataFrame) -> tuple[str, ...]:
    """A warning where training images of unlike groups are nearly the same picture."""
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


def flattery(recipe: Recipe, extractor: Extractor) -> tuple[str, ...]:
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
