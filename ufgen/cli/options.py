"""Arguments, options and messages that several commands share."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

Data = Annotated[
    Path,
    typer.Argument(
        help="Folder with train/ and test/ (or class folders), a zip archive of it, or a manifest."
    ),
]
Positive = Annotated[
    str | None,
    typer.Option(help="The class to tell from the rest.  [default: UF, if it is one of two]"),
]
Negative = Annotated[
    str | None,
    typer.Option(help="The only class to tell it from; all others are left out."),
]
JoinValidation = Annotated[
    bool,
    typer.Option(
        "--join-validation",
        help="Let the split validation be training images, of which ufgen holds out others.",
    ),
]
GroupPattern = Annotated[
    str | None,
    typer.Option(
        help="Regular expression on file names; its first capture group is the group (patient)."
    ),
]
AllowUngrouped = Annotated[
    bool,
    typer.Option("--allow-ungrouped", help="Treat each image without a group as its own patient."),
]
Accept = Annotated[
    list[str] | None,
    typer.Option(
        help="A finding of the image check that is known and accepted, by its name; may be "
        "repeated."
    ),
]
Resolution = Annotated[int, typer.Option(min=32, max=512, help="Working size in pixels.")]
Channels = Annotated[int, typer.Option(help="1 for grayscale, 3 for colour.")]
Fit = Annotated[
    str, typer.Option(help="Keep the aspect ratio by cropping (crop) or padding (pad).")
]
Seed = Annotated[int, typer.Option(min=0, help="Random seed: the same seed gives the same result.")]
ExtractorName = Annotated[
    str,
    typer.Option(
        help="Features: texture, efficientnet_lite0, keras:NAME?option=value, or a classifier's "
        "folder."
    ),
]
Weights = Annotated[str, typer.Option(help="Weights of such a network: imagenet or a local file.")]
TensorBoard = Annotated[
    Path | None,
    typer.Option("--tensorboard", help="Folder for live curves, for TensorBoard."),
]
Runs = Annotated[Path, typer.Option(help="Folder for generators and studies.")]


TRAINING_ADVICE = "Try more --steps, another --learning-rate, pretrained --weights, or more images"
CONSTANT = f"all images get the same probability: nothing was learned. {TRAINING_ADVICE}"


def report_unreadable(quarantine: "pd.DataFrame") -> None:
    """Name unreadable files on stderr.

    Args:
        quarantine: Columns path and reason.
    """
    for row in quarantine.to_dict("records"):
        print(f"skipped: {row['path']}: {row['reason']}", file=sys.stderr)
