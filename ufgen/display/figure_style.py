"""One style for every figure: how it is opened, which colours it uses, and how it is saved."""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ufgen.atomic import atomic_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito, "Color Universal Design" (2008), and a grey that can be read as text.
BLACK, BLUE, VERMILLION, GREEN = "#000000", "#0072B2", "#D55E00", "#009E73"
PURPLE, ORANGE, SKY, GREY = "#CC79A7", "#E69F00", "#56B4E9", "#666666"
PALE = "#BBBBBB"  # for areas, never for text
SERIES = (BLACK, BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)
CLASSES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
GOOD_TEXT, BAD_TEXT = "#00734f", "#b04a00"
TEXT = (BLACK, GREY, GOOD_TEXT, BAD_TEXT)
STYLES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
COLUMN = 7.2  # inches: the width of a journal's page
FORMATS = (".png", ".svg", ".pdf")
DPI = 150
DECADES = 30.0
TICKS = 3
SETTINGS = {
    "lines.solid_capstyle": "butt",
    "lines.dash_capstyle": "butt",
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "errorbar.capsize": 0,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "ufgen",
    "text.parse_math": False,
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "axes.grid": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "figure.titlesize": 9,
}
UNDATED = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": None}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the project's style: around a block, or as `@style()` above a function.

    Lines and error bars end where their values end (butt caps), text stays text in PDF
    (TrueType) and SVG, and a dollar sign in a user's name begins no formula.
    """
    import matplotlib

    with matplotlib.rc_context(SETTINGS):
        yield


def open_figure(width: float = COLUMN, height: float = 4.0) -> "Figure":
    """An empty figure of that many inches; its parts are placed so that none covers another."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


@style()
def save(figure: "Figure", *paths: Path) -> None:
    """Write the figure to each path, whole or not at all; the same figure gives the same bytes."""
    for path in map(Path, paths):
        with atomic_file(path) as temporary:
            figure.savefig(temporary, dpi=DPI, metadata=UNDATED[path.suffix])


@style()
def png(figure: "Figure") -> bytes:
    """The figure as the content of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def line_styles(count: int, first: int = 0) -> list[dict]:
    """`color` and `linestyle` of that many lines, which differ without colour too."""
    return [
        {"color": SERIES[i % len(SERIES)], "linestyle": STYLES[i % len(STYLES)]}
        for i in range(first, first + count)
    ]


def class_colour(index: int) -> str:
    """The colour of the class at that place of the sorted classes."""
    return CLASSES[index % len(CLASSES)]


def legend_below(axes: "Axes", columns: int = 1) -> None:
    """A legend under the axes' label, where there are no data; none if nothing is named."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=columns)


def legend_beside(axes: "Axes") -> None:
    """A legend to the right of the axes, where there are no data; none if nothing is named."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1))


def footnote(figure: "Figure", text: str) -> None:
    """What the figure rests on (numbers of groups, images, trainings; levels), under all of it."""
    figure.supxlabel(text, x=0.01, ha="left", fontsize=7, color=GREY)


def log_where_wide(axis, values: Iterable[float], near: float) -> None:
    """A logarithmic axis, linear up to `near`, where the largest value is decades beyond that.

    `axis` is `axes.xaxis` or `axes.yaxis`. Values that are no numbers are left out.
    """
    import numpy as np
    from matplotlib.ticker import FixedLocator, NullLocator

    sizes = np.abs(np.asarray(list(values), "float64"))
    largest = np.max(sizes[np.isfinite(sizes)], initial=0.0)
    if not near > 0 or largest < DECADES * near:
        return
    first, last = int(np.ceil(np.log10(near))), int(np.floor(np.log10(largest)))
    getattr(axis.axes, f"set_{axis.axis_name}scale")("symlog", linthresh=10.0**first)
    shown = range(last, first - 1, -max(1, -(-(last - first + 1) // TICKS)))
    axis.set_major_locator(FixedLocator([0, *(10.0**power for power in shown)]))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_locator(NullLocator())
    axis.axes.margins(**{axis.axis_name: 0.08})


def counted(number: int, word: str) -> str:
    """A number with its word: 1 seed, 2 seeds."""
    return f"{number:.0f} {word}" + ("" if number == 1 else "s")


def source_word(sources: Iterable[str]) -> str:
    """What images that are not synthetic are called: real, or simulated for a phantom's."""
    return "simulated" if "phantom" in set(sources) else "real"
