"""The exploratory page of an image set: counts, sizes, brightness and sample images."""

import html
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ufgen.atomic import write_text
from ufgen.display.contact_sheet import data_uri
from ufgen.display.figure_style import (
    PAGE_COLOURS,
    class_colour,
    legend_beside,
    open_figure,
    png,
    style,
)
from ufgen.display.image_grid import write_grid
from ufgen.images import folder_listing, positive_class
from ufgen.images.decoding import size_in_pixels
from ufgen.images.image_set import ImageSet, count_table
from ufgen.images.pixel_store import PixelStore, dark_images_warning

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SAMPLES = 8
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}"
    "img{max-width:100%}table{border-collapse:collapse}"
    f"td,th{{border-bottom:1px solid {PAGE_COLOURS['rule']};"
    "padding:.2rem .7rem;text-align:left;overflow-wrap:anywhere}"
    f".phantom{{background:{PAGE_COLOURS['alarm']};color:#fff;padding:.7rem 1rem;font-weight:600}}"
    f".warning{{border-left:.3rem solid {PAGE_COLOURS['alarm']};padding:.3rem 1rem}}"
)


def summary(images: ImageSet, quarantine: pd.DataFrame) -> str:
    """Summarise an image set as text.

    Args:
        images: Decoded images.
        quarantine: The unreadable files (see `pixel_store.load`).

    Returns:
        Lines with the images and groups by split and class, and the numbers of duplicates,
        unreadable files, files left out, and images without a split.
    """
    repeated = int(images.table["sha256"].duplicated().sum())
    conflicting = int((images.table.groupby("sha256")["label"].nunique() > 1).sum())
    unsplit = int((images.table["split"] == "").sum())
    return "\n".join(
        [
            count_table(images).to_string(index=False),
            f"positive class: {_positive(images)}",
            f"exact duplicates: {repeated} (with conflicting labels: {conflicting})",
            f"unreadable files: {len(quarantine)}",
            *filter(None, [folder_listing.describe(images.left_out)]),
            *([f"images without a split: {unsplit}"] if 0 < unsplit < len(images) else []),
        ]
    )


def _positive(images: ImageSet) -> str:
    """The positive class and, where there are several others, these."""
    if images.positive is None:
        return "none named (--positive)"
    rest = positive_class.rest(images)
    return images.positive + (f", against {', '.join(rest)}" if len(rest) > 1 else "")


def write_page(images: ImageSet, store: PixelStore, quarantine: pd.DataFrame, out: Path) -> Path:
    """Write the page, self-contained, and its sample images.

    Brightness and contrast are the mean and the standard deviation of an image's grey values
    (0..255) at the working resolution; the sizes are those of the files.

    Args:
        images: Decoded images.
        store: Their pixels.
        quarantine: The unreadable files (see `pixel_store.load`).
        out: The folder for `describe.html` and `samples.png`.

    Returns:
        The path of the page.
    """
    pixels = store.take(images)
    grey = pixels.mean(axis=-1)
    table = images.table.assign(
        brightness=grey.mean(axis=(1, 2)),
        contrast=grey.std(axis=(1, 2)),
        **_file_sizes(images),
    )
    samples = Path(out) / "samples.png"
    write_grid(samples, _samples(images, store), "Sample images by class")
    figures = [
        (png(_counts(table, images.classes)), "Images by class and split"),
        (png(_sizes(table, images.classes)), "Size of the image files in pixels, by class"),
        (png(_levels(table, images.classes)), "Brightness and contrast of the images, by class"),
        (samples.read_bytes(), "Sample images of each class"),
    ]
    embedded = "".join(
        f'<h2>{caption}</h2><img alt="{caption}" src="{data_uri(content, "image/png")}">'
        for content, caption in figures
    )
    banner = ""
    if (images.table["source"] == "phantom").any():
        banner = '<p class="phantom">phantom: these are simulated images.</p>'
    note = dark_images_warning(pixels)
    warning = f'<p class="warning">{html.escape(note)}</p>' if note else ""
    unreadable = "".join(
        f"<tr><td>{html.escape(row['path'])}</td><td>{html.escape(row['reason'])}</td></tr>"
        for row in images.relative(quarantine).to_dict("records")
    )
    left_out = "".join(
        f"<tr><td>{html.escape(row['path'])}</td><td>{html.escape(row['reason'])}</td></tr>"
        for row in images.relative(images.left_out).to_dict("records")
    )
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Image set</title><style>{STYLE}</style><h1>Image set</h1>{banner}"
        f"<pre>{html.escape(summary(images, quarantine))}</pre>{warning}{embedded}"
        + (f"<h2>Unreadable files</h2><table>{unreadable}</table>" if unreadable else "")
        + (f"<h2>Left out</h2><table>{left_out}</table>" if len(images.left_out) else "")
        + "</html>"
    )
    path = Path(out) / "describe.html"
    write_text(path, page)
    return path


def _file_sizes(images: ImageSet) -> dict[str, list[int]]:
    """The columns `width` and `height` of the files, in pixels."""
    sizes = [size_in_pixels(path) for path in images.table["path"]]
    return {"width": [w for w, _ in sizes], "height": [h for _, h in sizes]}


def _samples(images: ImageSet, store: PixelStore) -> list[tuple[str, np.ndarray]]:
    """A caption and a few random images for each class."""
    rows, rng = [], np.random.default_rng(0)
    for label in images.classes:
        of_class = np.flatnonzero(images.table["label"] == label)
        chosen = rng.permutation(of_class)[:SAMPLES]
        source = images.table["source"].iloc[chosen[0]]
        rows.append((f"{label}\n{source}", store.take(images.select(chosen))))
    return rows


def _open(width: float, columns: int) -> "tuple[Figure, list[Axes]]":
    figure = open_figure(width, 3.2)
    return figure, list(figure.subplots(1, columns, squeeze=False)[0])


@style()
def _counts(table: pd.DataFrame, classes: list[str]) -> "Figure":
    """Bars: images by split and class."""
    figure, (axes,) = _open(5, 1)
    counts = table.groupby(["split", "label"]).size().unstack(fill_value=0)
    for i, label in enumerate(classes):
        x = np.arange(len(counts)) + (i - (len(classes) - 1) / 2) * 0.8 / len(classes)
        bars = axes.bar(x, counts[label], 0.75 / len(classes), color=class_colour(i), label=label)
        axes.bar_label(bars, fontsize=8)
    axes.set_xticks(np.arange(len(counts)), [split or "no split" for split in counts.index])
    axes.set_ylabel("images")
    legend_beside(axes)
    axes.margins(y=0.15)
    return figure


@style()
def _sizes(table: pd.DataFrame, classes: list[str]) -> "Figure":
    """Height against width of the files; the area is proportional to the number of images."""
    figure, (axes,) = _open(5, 1)
    for i, label in enumerate(classes):
        sizes = table[table["label"] == label].groupby(["width", "height"]).size().reset_index()
        area = 20 + 400 * sizes[0] / len(table)
        axes.scatter(
            sizes["width"], sizes["height"], area, color=class_colour(i), alpha=0.5, label=label
        )
    axes.set(xlabel="width", ylabel="height")
    legend_beside(axes)
    return figure


@style()
def _levels(table: pd.DataFrame, classes: list[str]) -> "Figure":
    """Box plots: brightness and contrast by class."""
    figure, panels = _open(8, 2)
    for axes, name in zip(panels, ("brightness", "contrast"), strict=True):
        values = [table[table["label"] == label][name] for label in classes]
        parts = axes.boxplot(values, tick_labels=classes, patch_artist=True, widths=0.6)
        for i, box in enumerate(parts["boxes"]):
            box.set(facecolor=class_colour(i), alpha=0.5)
        axes.set_ylabel(name)
    return figure
