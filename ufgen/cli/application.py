"""The Typer application with its help and version; each command registers itself."""

from typing import Annotated

import typer

from ufgen import __version__

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Does adding GAN-generated images to a small medical image set make a classifier better?",
)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(f"ufgen {__version__}")
        raise typer.Exit
