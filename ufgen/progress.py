"""What is being done and how long it takes: bars at a terminal, one line a stage in a file."""

import sys
import time
from collections.abc import Iterable

from tqdm import tqdm

SHORT = 5  # seconds


class Progress(tqdm):
    """A tqdm bar on stderr; where that is no terminal, a line for each stage instead.

    A stage is the whole loop, or each description that `set_description` gives it. Its line is
    written as it begins, with the time that the one before took, if that was not short.
    """

    def __init__(self, iterable: Iterable | None = None, desc: str = "", **options):
        hidden = options.pop("disable", False)
        self._lines = not hidden and not sys.stderr.isatty()
        self._stage, self._began = "", time.monotonic()
        super().__init__(iterable, desc=desc, disable=hidden or self._lines, **options)
        self._begin(desc)

    def set_description(self, desc: str = "", refresh: bool = True) -> None:
        super().set_description(desc, refresh)
        self._begin(desc)

    def close(self) -> None:
        super().close()
        self._begin("")

    def __iter__(self):
        try:
            yield from super().__iter__()
        finally:
            self.close()

    def _begin(self, stage: str) -> None:
        if not self._lines or stage == self._stage:
            return
        now = time.monotonic()
        if self._stage and now - self._began >= SHORT:
            print(f"{self._stage}: {_duration(now - self._began)}", file=sys.stderr, flush=True)
        if stage:
            print(f"{stage} ...", file=sys.stderr, flush=True)
        self._stage, self._began = stage, now


def say(text: str, file=None) -> None:
    """Print a line above the bars, to stdout or to `file`."""
    tqdm.write(text, file)


def _duration(seconds: float) -> str:
    """ "12 s", "3 min 20 s" or "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
