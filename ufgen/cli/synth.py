"""`ufgen synth`, `fidelity` and `redraw`: make synthetic images and measure them."""

from pathlib import Path
from typing import Annotated

import typer

from ufgen import environment
from ufgen.cli.application import app
from ufgen.cli.options import (
    AllowUngrouped,
    Channels,
    Data,
    ExtractorName,
    Fit,
    GroupPattern,
    Resolution,
    Runs,
    Seed,
    TensorBoard,
    Weights,
    mention_quarantine,
)
from ufgen.display.tensorboard import write_to
from ufgen.errors import UserError


@app.command(epilog="Example: ufgen synth UF_dataset --name first --resolution 64 --kimg 100")
def synth(
    location: Data = Path("UF_dataset"),
    name: Annotated[
        str | None, typer.Option(help="Name under synthetic/.  [default: of the folder]")
    ] = None,
    per_class: Annotated[
        list[str] | None,
        typer.Option(
            help="Images a class: 200, or of one class: malignant=200; may be repeated.  "
            "[default: as many as real]"
        ),
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="fast, dcgan, residual, projected, or a YAML file.")
    ] = "fast",
    kimg: Annotated[
        float | None, typer.Option(help="Training budget: thousands of real images shown.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Training budget in time instead: 10m, 2h; how much is trained in it, and so the "
            "result, depends on the machine and its load."
        ),
    ] = None,
    truncation: Annotated[
        float, typer.Option(min=0, max=1, help="Below 1: more typical images, less variety.")
    ] = 1.0,
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", help="agreement, discriminator, manifold; may be repeated."),
    ] = None,
    drop_copies: Annotated[
        bool, typer.Option("--drop-copies", help="Draw others for copies of training images.")
    ] = False,
    classifier: Annotated[
        Path | None, typer.Option(help="For the filter agreement: what `ufgen train` wrote.")
    ] = None,
    extractor: ExtractorName = "texture",
    weights: Weights = "imagenet",
    group_pattern: GroupPattern = None,
    allow_ungrouped: AllowUngrouped = False,
    resolution: Resolution = 64,
    channels: Channels = 1,
    fit: Fit = "crop",
    seed: Seed = 0,
    synthetic: Annotated[Path, typer.Option(help="Where to write.")] = Path("synthetic"),
    runs: Runs = Path("runs"),
    tensorboard: TensorBoard = None,
) -> None:
    """Train a generator on the training images (or reuse it) and draw synthetic ones."""
    if tensorboard:
        write_to(tensorboard)
    environment.import_keras()
    import pandas as pd

    from classifiers import label_agreement
    from classifiers.feature_extractor import by_name
    from ufgen.images import image_set
    from ufgen.synthesis.pipeline import SamplingOptions, synthesise

    options = {"resolution": resolution, "channels": channels, "seed": seed}
    if kimg and budget:
        raise UserError("give the budget as --kimg or as --budget, not both")
    options |= {"kimg": kimg} if kimg else {}
    options |= {"minutes": _minutes(budget)} if budget else {}
    chosen = (*(filters or ()), *(("copies",) if drop_copies else ()))
    agreement = label_agreement.of_classifier(classifier) if classifier else None
    written = synthetic / (name or image_set.name_of(location))
    found = synthesise(
        location,
        out=written,
        recipe_name=recipe,
        options=options,
        sampling=SamplingOptions(
            counts_a_class(per_class or []), seed, truncation, chosen, agreement
        ),
        generators=runs / "generators",
        group_pattern=group_pattern,
        allow_ungrouped=allow_ungrouped,
        fit=fit,
        extractor=by_name(extractor, weights),
        named=name is not None,
    )
    print(found.text())
    mention_quarantine(pd.read_csv(written / "quarantine.csv", dtype=str, keep_default_na=False))
    print(f"Synthetic images: {written}\nGallery: {written / 'gallery.html'}")


@app.command(epilog="Example: ufgen fidelity UF_dataset synthetic/first --out runs/fidelity")
def fidelity(
    real: Data,
    synthetic: Annotated[Path, typer.Argument(help="Folder or manifest of synthetic images.")],
    out: Annotated[Path, typer.Option(help="Folder for numbers and figure.")] = Path(
        "runs/fidelity"
    ),
    extractor: ExtractorName = "texture",
    weights: Weights = "imagenet",
    split: Annotated[
        str | None, typer.Option(help="train or test.  [default: train, if there is a split]")
    ] = None,
    resolution: Annotated[
        int | None, typer.Option(min=32, max=512, help="Pixels.  [default: as synthetic]")
    ] = None,
    channels: Channels = 1,
    group_pattern: GroupPattern = None,
    allow_ungrouped: AllowUngrouped = False,
    fit: Fit = "crop",
) -> None:
    """Measure synthetic images against real ones: distances, coverage and copies."""
    environment.import_keras()
    import pandas as pd

    from classifiers.feature_extractor import by_name
    from ufgen.synthesis.folder_comparison import compare_folders

    chosen = by_name(extractor, weights)
    grouping = group_pattern, allow_ungrouped
    found = compare_folders(
        real, synthetic, out, chosen, split, resolution, channels, fit, *grouping
    )
    mention_quarantine(pd.read_csv(out / "quarantine.csv", dtype=str, keep_default_na=False))
    print(f"{found.text()}\nNumbers: {out / 'fidelity.csv'}\nFigure: {out / 'fidelity.png'}")


@app.command(epilog="Example: ufgen redraw synthetic/first/UF/UF_000003_seed0.png --out again.png")
def redraw(
    image: Annotated[Path, typer.Argument(help="An image that `ufgen synth` wrote.")],
    out: Annotated[Path, typer.Option(help="PNG file to write.")] = Path("redrawn.png"),
) -> None:
    """Draw one synthetic image again from its row of the manifest."""
    environment.import_keras()
    from PIL import Image

    from ufgen.atomic import atomic_file
    from ufgen.gan.sampling import sampler
    from ufgen.images.pixel_store import as_picture

    pixels, identical = sampler.redraw(image)
    with atomic_file(out) as temporary:
        Image.fromarray(as_picture(pixels)).save(temporary)
    if not identical:
        raise UserError(
            f"{out} differs from what the manifest says of {image.name}: another backend, device "
            "or version of Keras draws the same picture with other last digits"
        )
    print(f"Drawn again, bit for bit: {out}")


def _minutes(budget: str) -> float:
    """ "10m", "2h" or "90s" in minutes."""
    units = {"s": 1 / 60, "m": 1, "h": 60}
    try:
        minutes = float(budget[:-1]) * units[budget[-1]]
    except (ValueError, KeyError):
        minutes = 0
    if not 0 < minutes < 60 * 24 * 60:
        raise UserError(f"--budget is {budget!r}, expected a time such as 90s, 10m or 2h")
    return minutes


def counts_a_class(texts: list[str]) -> int | dict[str, int] | None:
    """ "200" for every class, or "malignant=200" for each that is named."""
    counts = {}
    for text in texts:
        label, _, number = text.rpartition("=")
        alone = label or len(texts) == 1
        if not number.isdecimal() or int(number) < 1 or label in counts or not alone:
            raise UserError(
                f"--per-class is {' '.join(texts)!r}, expected a number such as 200, or one for "
                "each class named, such as --per-class benign=100 --per-class malignant=200"
            )
        counts[label] = int(number)
    return counts.get("", counts) or None
