"""The command line: each command parses, imports what it needs, calls it, and prints."""

import sys

from ufgen import environment
from ufgen.cli.application import app
from ufgen.errors import UserError

# isort: off
from ufgen.cli import (  # noqa: F401, in the order of --help
    data,
    synth,
    fidelity,
    redraw,
    train,
    evaluate,
    export,
    predict,
    experiment,
)

INTERRUPTED = 130


def main() -> None:
    """Run the command line.

    It exits with 0 on success, 1 on a user or OS error, 2 on wrong usage, 130 on Ctrl-C.
    """
    environment.prepare()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # for names that the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except UserError as error:
        print(f"ufgen: {error}", file=sys.stderr)
        sys.exit(1)
    except SystemExit as stopped:
        if stopped.code == INTERRUPTED:
            message = "Stopped. What is finished is kept: run the same command to go on."
            print(f"\n{message}", file=sys.stderr)
        raise
    except OSError as error:
        print(f"ufgen: {error}", file=sys.stderr)
        sys.exit(1)
