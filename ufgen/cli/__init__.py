"""The command line: each command parses, calls one function, prints, and imports what it needs."""

import sys

from ufgen import environment
from ufgen.cli.application import app
from ufgen.errors import UserError

# isort: off
from ufgen.cli import deploy, data, synth, train, experiment  # noqa: F401, the order of --help

INTERRUPTED = 130


def main() -> None:
    """Run the command line; exit 0 when done, 1 for a user's mistake, 2 for wrong usage."""
    environment.prepare()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that the terminal cannot show is no failure
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
