"""`ufgen synth`: train a generator and generate synthetic images."""

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
    report_unreadable,
)
from ufgen.display.tensorboard import enable_tensorboard
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
            help="Images per class: 200, or of one class: malignant=200; may be repeated.  "
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
            help="Training budget in time instead, such as 10m or 2h; the result depends on the "
            "machine and its load."
        ),
    ] = None,
    truncation: Annotated[
        float, typer.Option(min=0, max=1, help="Below 1: more typical images, less diversity.")
    ] = 1.0,
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", help="agreement, discriminator, manifold; may be repeated."),
    ] = None,
    drop_copies: Annotated[
        bool, typer.Option("--drop-copies", help="Replace copies of training images.")
    ] = False,
    classifier: Annotated[
        Path | None, typer.Option(help="Folder that `ufgen train` wrote, for the filter agreement.")
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
    """Train a generator on the training images (or reuse it) and generate synthetic ones."""
    if tensorboard:
        enable_tensorboard(tensorboard)
    environment.import_keras()
    import pandas as pd

    from classifiers import label_agreement
    from classifiers.feature_extractor import by_name
    from ufgen.images import image_set
    from ufgen.synthesis.pipeline import SamplingOptions, synthesise

    options: dict[str, float] = {"resolution": resolution, "channels": channels, "seed": seed}
    if kimg and budget:
        raise UserError("give the budget as --kimg or as --budget, not both")
    options |= {"kimg": kimg} if kimg else {}
    options |= {"minutes": _minutes(budget)} if budget else {}
    chosen = (*(filters or ()), *(("copies",) if drop_copies else ()))
    agreement = label_agreement.of_classifier(classifier) if classifier else None
    out = synthetic / (name or image_set.name_of(location))
    report = synthesise(
        location,
        out=out,
        recipe_name=recipe,
        options=options,
        sampling=SamplingOptions(
            counts_per_class(per_class or []), seed, truncation, chosen, agreement
        ),
        generators=runs / "generators",
        group_pattern=group_pattern,
        allow_ungrouped=allow_ungrouped,
        fit=fit,
        extractor=by_name(extractor, weights),
        named=name is not None,
    )
    print(report.text())
    report_unreadable(pd.read_csv(out / "quarantine.csv", dtype=str, keep_default_na=False))
    print(f"Synthetic images: {out}\nGallery: {out / 'gallery.html'}")


def _minutes(budget: str) -> float:
    """A time such as "90s", "10m" or "2h", in minutes."""
    units = {"s": 1 / 60, "m": 1, "h": 60}
    try:
        minutes = float(budget[:-1]) * units[budget[-1]]
    except (ValueError, KeyError):
        minutes = 0.0
    if not 0 < minutes < 60 * 24 * 60:
        raise UserError(f"--budget is {budget!r}, expected a time such as 90s, 10m or 2h")
    return minutes


def counts_per_class(texts: list[str]) -> int | dict[str, int] | None:
    """Parse the values of --per-class.

    Args:
        texts: "200" for every class, or "malignant=200" for each class that is named.

    Returns:
        Images per class, for all classes or by name; None without a value.

    Raises:
        UserError: If a value is neither.

    Example:
        >>> counts_per_class(["benign=100", "malignant=200"])
        {'benign': 100, 'malignant': 200}
    """
    counts: dict[str, int] = {}
    for text in texts:
        label, _, number = text.rpartition("=")
        valid = label or len(texts) == 1
        if not number.isdecimal() or int(number) < 1 or label in counts or not valid:
            raise UserError(
                f"--per-class is {' '.join(texts)!r}, expected a number such as 200, or one for "
                "each class named, such as --per-class benign=100 --per-class malignant=200"
            )
        counts[label] = int(number)
    return counts.get("", counts) or None
