"""Progress on stderr: bars at a terminal, one line per stage in a log file."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from tqdm import tqdm

SHORT = 5  # seconds: the time of a shorter stage is not printed


class Progress(tqdm):
    """A tqdm bar on stderr; where that is no terminal, a line for each stage instead.

    A stage is the whole loop, or each description that `set_description` sets. Its line is printed
    when it begins, after the duration of the previous stage.

    Args:
        iterable: What to loop over, if anything.
        desc: The description of the first stage.
        **options: Other arguments of tqdm.
    """

    def __init__(self, iterable: Iterable | None = None, desc: str = "", **options: Any) -> None:
        hidden = options.pop("disable", False)
        self._lines = not hidden and not sys.stderr.isatty()
        self._stage, self._start = "", time.monotonic()
        super().__init__(iterable, desc=desc, disable=hidden or self._lines, **options)
        self._begin(desc)

    def set_description(self, desc: str = "", refresh: bool = True) -> None:
        """Begin a stage.

        Args:
            desc: The description of the stage.
            refresh: Draw the bar again at once.
        """
        super().set_description(desc, refresh)
        self._begin(desc)

    def close(self) -> None:
        """End the last stage, and close the bar."""
        super().close()
        self._begin("")

    def __iter__(self) -> Iterator:
        try:
            yield from super().__iter__()
        finally:
            self.close()

    def _begin(self, stage: str) -> None:
        if not self._lines or stage == self._stage:
            return
        now = time.monotonic()
        if self._stage and now - self._start >= SHORT:
            print(f"{self._stage}: {_duration(now - self._start)}", file=sys.stderr, flush=True)
        if stage:
            print(f"{stage} ...", file=sys.stderr, flush=True)
        self._stage, self._start = stage, now


def print_line(text: str, file: TextIO | None = None) -> None:
    """Print a line above the bars.

    Args:
        text: The line.
        file: Where to print it; by default stdout.
    """
    tqdm.write(text, file)


def _duration(seconds: float) -> str:
    """A duration in words, such as "12 s", "3 min 20 s" or "2 h 5 min"."""
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60} s"
    return f"{total // 3600} h {total % 3600 // 60} min"
