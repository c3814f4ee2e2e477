"""`ufgen fidelity`: compare synthetic images with real ones."""

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
    Weights,
    report_unreadable,
)


@app.command(epilog="Example: ufgen fidelity UF_dataset synthetic/first --out runs/fidelity")
def fidelity(
    real: Data,
    synthetic: Annotated[Path, typer.Argument(help="Folder or manifest of synthetic images.")],
    out: Annotated[Path, typer.Option(help="Folder for metrics and figure.")] = Path(
        "runs/fidelity"
    ),
    extractor: ExtractorName = "texture",
    weights: Weights = "imagenet",
    split: Annotated[
        str | None,
        typer.Option(help="train, validation or test.  [default: train, if there is a split]"),
    ] = None,
    resolution: Annotated[
        int | None,
        typer.Option(min=32, max=512, help="Pixels.  [default: of the synthetic images]"),
    ] = None,
    channels: Channels = 1,
    group_pattern: GroupPattern = None,
    allow_ungrouped: AllowUngrouped = False,
    fit: Fit = "crop",
) -> None:
    """Compare synthetic images with real ones: distances, coverage and copies."""
    environment.import_keras()
    import pandas as pd

    from classifiers.feature_extractor import by_name
    from ufgen.synthesis.folder_comparison import compare_folders

    report = compare_folders(
        real,
        synthetic,
        out,
        by_name(extractor, weights),
        split,
        resolution,
        channels,
        fit,
        group_pattern,
        allow_ungrouped,
    )
    report_unreadable(pd.read_csv(out / "quarantine.csv", dtype=str, keep_default_na=False))
    print(f"{report.text()}\nMetrics: {out / 'fidelity.csv'}\nFigure: {out / 'fidelity.png'}")
