"""One style for all figures and pages: colours, fonts, and how figures are opened and saved."""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ufgen.atomic import atomic_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import XAxis, YAxis
    from matplotlib.figure import Figure

# Okabe and Ito, "Color Universal Design" (2008), and a grey that is legible as text.
BLACK, BLUE, VERMILLION, GREEN = "#000000", "#0072B2", "#D55E00", "#009E73"
PURPLE, ORANGE, SKY, GREY = "#CC79A7", "#E69F00", "#56B4E9", "#666666"
PALE, PALE_BLUE = "#BBBBBB", "#EAF3F9"  # for areas, never for text
SERIES = (BLACK, BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)
CLASSES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
GOOD_TEXT, BAD_TEXT = "#00734f", "#b04a00"
TEXT = (BLACK, GREY, GOOD_TEXT, BAD_TEXT)
PAGE_COLOURS = {  # of HTML pages: what their templates call `colours`
    "text": "#1a1a1a",
    "small_text": "#555",
    "link": "#005a92",
    "good": GOOD_TEXT,
    "bad": BAD_TEXT,
    "alarm": "#b00020",
    "blue": BLUE,
    "orange": ORANGE,
    "rule": "#ddd",
    "table_rule": "#e2e2e2",
    "warning": "#fff4d6",
    "verdict": "#f3f6fa",
    "code": "#f5f5f5",
}
STYLES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
COLUMN = 7.2  # inches: the text width of a journal's page
FORMATS = (".png", ".svg", ".pdf")
DPI = 150
WIDE = 30.0  # largest value over the smallest of interest: above, the scale is logarithmic
TICKS = 3
SETTINGS: dict[Any, Any] = {
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
    """Use the project's style, in a `with` block or as the decorator `@style()`.

    Lines and error bars end where their values end (butt caps), text stays text in PDF (TrueType)
    and SVG, and a dollar sign in a user's class name does not begin a formula.

    Yields:
        Nothing; the style holds until the end of the block.
    """
    import matplotlib

    with matplotlib.rc_context(SETTINGS):
        yield


def open_figure(width: float = COLUMN, height: float = 4.0) -> "Figure":
    """Open an empty figure with constrained layout.

    Args:
        width: Inches.
        height: Inches.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


@style()
def save(figure: "Figure", *paths: Path) -> None:
    """Write a figure to files, atomically; the same figure gives the same bytes.

    Args:
        figure: The figure.
        *paths: Files; their suffix, one of `FORMATS`, names the format.
    """
    for path in map(Path, paths):
        with atomic_file(path) as temporary:
            figure.savefig(temporary, dpi=DPI, metadata=UNDATED[path.suffix])


@style()
def png(figure: "Figure") -> bytes:
    """Render a figure.

    Args:
        figure: The figure.

    Returns:
        The content of a PNG file, with `DPI` pixels per inch.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def line_styles(count: int, first: int = 0) -> list[dict]:
    """Choose styles of lines that differ without colour, too.

    Args:
        count: How many lines there are.
        first: Where to begin in the palette.

    Returns:
        For each line, the keyword arguments `color` and `linestyle`.

    Example:
        >>> line_styles(1, first=1)
        [{'color': '#0072B2', 'linestyle': '--'}]
    """
    return [
        {"color": SERIES[i % len(SERIES)], "linestyle": STYLES[i % len(STYLES)]}
        for i in range(first, first + count)
    ]


def class_colour(index: int) -> str:
    """Choose the colour of a class.

    Args:
        index: The position of the class among the sorted classes.

    Returns:
        The colour in hexadecimal notation.
    """
    return CLASSES[index % len(CLASSES)]


def legend_below(axes: "Axes", columns: int = 1) -> None:
    """Place a legend below the axes' label, where there are no data.

    Args:
        axes: Axes; without labelled artists they get no legend.
        columns: The number of columns of the legend.
    """
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=columns)


def legend_beside(axes: "Axes") -> None:
    """Place a legend to the right of the axes, where there are no data.

    Args:
        axes: Axes; without labelled artists they get no legend.
    """
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1))


def footnote(figure: "Figure", text: str) -> None:
    """Write a line below a figure, such as the number of groups and images behind it.

    Args:
        figure: The figure.
        text: The line.
    """
    figure.supxlabel(text, x=0.01, ha="left", fontsize=7, color=GREY)


def log_where_wide(axis: "XAxis | YAxis", values: Iterable[float], near: float) -> None:
    """Use a symmetric logarithmic scale where values span more than a decade and a half.

    Args:
        axis: `axes.xaxis` or `axes.yaxis`.
        values: The values shown on the axis; those that are not finite are ignored.
        near: The scale is logarithmic where the largest value is at least 30 times this, and linear
            below about this.
    """
    import numpy as np
    from matplotlib.ticker import FixedLocator, NullLocator

    sizes = np.abs(np.asarray(list(values), "float64"))
    largest = np.max(sizes[np.isfinite(sizes)], initial=0.0)
    if not near > 0 or largest < WIDE * near:
        return
    first, last = int(np.ceil(np.log10(near))), int(np.floor(np.log10(largest)))
    getattr(axis.axes, f"set_{axis.axis_name}scale")("symlog", linthresh=10.0**first)
    shown = range(last, first - 1, -max(1, -(-(last - first + 1) // TICKS)))
    axis.set_major_locator(FixedLocator([0, *(10.0**power for power in shown)]))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_locator(NullLocator())
    margins: dict[str, Any] = {axis.axis_name: 0.08}
    axis.axes.margins(**margins)


def counted(number: int, word: str) -> str:
    """Write a number with its noun.

    Args:
        number: An integer.
        word: The noun in the singular.

    Returns:
        The number and the noun in singular or plural.

    Example:
        >>> counted(1, "seed"), counted(2, "seed")
        ('1 seed', '2 seeds')
    """
    return f"{number:.0f} {word}" + ("" if number == 1 else "s")


def source_word(sources: Iterable[str]) -> str:
    """Choose the word for images that are not synthetic.

    Args:
        sources: The column `source` of an image set.

    Returns:
        "simulated" where there are phantom images, or else "real".

    Example:
        >>> source_word(["real", "phantom"])
        'simulated'
    """
    return "simulated" if "phantom" in set(sources) else "real"
