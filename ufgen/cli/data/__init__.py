"""`ufgen data`: what is done with images before anything is trained."""

import typer

from ufgen.cli.application import app

data = typer.Typer(
    no_args_is_help=True,
    help="Check, describe, split, prepare or simulate image sets, and preview augmentations.",
)
app.add_typer(data, name="data")

# isort: off
from ufgen.cli.data import check, image_sets, prepare  # noqa: E402, F401, in the order of --help
