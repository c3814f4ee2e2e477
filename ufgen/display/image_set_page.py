"""The exploratory page of an image set: what a person looks at before any training."""

import base64
import html
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ufgen.atomic import write_text
from ufgen.display.figure_style import class_colour, legend_beside, open_figure, png, style
from ufgen.display.image_grid import write_grid
from ufgen.images.image_set import ImageSet, count_table
from ufgen.images.pixel_store import PixelStore, dark_images

SAMPLES = 8
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}"
    "img{max-width:100%}table{border-collapse:collapse}td,th{border-bottom:1px solid #ddd;"
    "padding:.2rem .7rem;text-align:left;overflow-wrap:anywhere}"
    ".phantom{background:#b00020;color:#fff;padding:.7rem 1rem;font-weight:600}"
    ".warning{border-left:.3rem solid #b00020;padding:.3rem 1rem}"
)


def summary(images: ImageSet, quarantine: pd.DataFrame) -> str:
    """Counts as text: images and groups by split and class, duplicates, unreadable files."""
    repeated = int(images.table["sha256"].duplicated().sum())
    conflicting = int((images.table.groupby("sha256")["label"].nunique() > 1).sum())
    unsplit = int((images.table["split"] == "").sum())
    return "\n".join(
        [
            count_table(images).to_string(index=False),
            f"positive class: {images.positive}",
            f"exact repeats of a picture: {repeated}, under more than one label: {conflicting}",
            f"unreadable files: {len(quarantine)}",
            *([f"images without a split: {unsplit}"] if 0 < unsplit < len(images) else []),
        ]
    )


def write_page(images: ImageSet, store: PixelStore, quarantine: pd.DataFrame, out: Path) -> Path:
    """Write `out/describe.html`, one self-contained page; returns its path.

    Brightness and contrast are the mean and the standard deviation of an image's grey values
    (0..255) at the working resolution; the sizes are those of the files.
    """
    shown = store.take(images)
    pixels = shown.mean(axis=-1)
    table = images.table.assign(
        brightness=pixels.mean(axis=(1, 2)),
        contrast=pixels.std(axis=(1, 2)),
        **_file_sizes(images),
    )
    samples = Path(out) / "samples.png"
    write_grid(samples, _samples(images, store), "Sample images by class")
    pictures = [
        (png(_counts(table, images.classes)), "Images by class and split"),
        (png(_sizes(table, images.classes)), "Size of the image files in pixels, by class"),
        (png(_levels(table, images.classes)), "Brightness and contrast of the images, by class"),
        (samples.read_bytes(), "Sample images of each class"),
    ]
    figures = "".join(
        f'<h2>{caption}</h2><img alt="{caption}" src="data:image/png;base64,'
        f'{base64.b64encode(content).decode()}">'
        for content, caption in pictures
    )
    banner = ""
    if (images.table["source"] == "phantom").any():
        banner = '<p class="phantom">phantom: these are simulated images.</p>'
    note = dark_images(shown)
    warning = f'<p class="warning">{html.escape(note)}</p>' if note else ""
    broken = "".join(
        f"<tr><td>{html.escape(row['path'])}</td><td>{html.escape(row['reason'])}</td></tr>"
        for row in images.relative(quarantine).to_dict("records")
    )
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Image set</title><style>{STYLE}</style><h1>Image set</h1>{banner}"
        f"<pre>{html.escape(summary(images, quarantine))}</pre>{warning}{figures}"
        + (f"<h2>Unreadable files</h2><table>{broken}</table>" if broken else "")
        + "</html>"
    )
    path = Path(out) / "describe.html"
    write_text(path, page)
    return path


def _file_sizes(images: ImageSet) -> dict[str, list[int]]:
    sizes = []
    for path in images.table["path"]:
        with Image.open(path) as file:
            sizes.append(file.size)
    return {"width": [w for w, _ in sizes], "height": [h for _, h in sizes]}


def _samples(images: ImageSet, store: PixelStore) -> list[tuple[str, np.ndarray]]:
    rows, rng = [], np.random.default_rng(0)
    for label in images.classes:
        of_class = np.flatnonzero(images.table["label"] == label)
        chosen = rng.permutation(of_class)[:SAMPLES]
        source = images.table["source"].iloc[chosen[0]]
        rows.append((f"{label}\n{source}", store.take(images.select(chosen))))
    return rows


def _figure(width: float, columns: int):
    figure = open_figure(width, 3.2)
    return figure, np.atleast_1d(figure.subplots(1, columns))


@style()
def _counts(table: pd.DataFrame, classes: list[str]):
    figure, (axes,) = _figure(5, 1)
    counts = table.groupby(["split", "label"]).size().unstack(fill_value=0)
    for i, label in enumerate(classes):
        places = np.arange(len(counts)) + (i - (len(classes) - 1) / 2) * 0.8 / len(classes)
        bars = axes.bar(
            places, counts[label], 0.75 / len(classes), color=class_colour(i), label=label
        )
        axes.bar_label(bars, fontsize=8)
    axes.set_xticks(np.arange(len(counts)), [split or "no split" for split in counts.index])
    axes.set_ylabel("images")
    legend_beside(axes)
    axes.margins(y=0.15)
    return figure


@style()
def _sizes(table: pd.DataFrame, classes: list[str]):
    figure, (axes,) = _figure(5, 1)
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
def _levels(table: pd.DataFrame, classes: list[str]):
    figure, panels = _figure(8, 2)
    for axes, name in zip(panels, ("brightness", "contrast"), strict=True):
        values = [table[table["label"] == label][name] for label in classes]
        parts = axes.boxplot(values, tick_labels=classes, patch_artist=True, widths=0.6)
        for i, box in enumerate(parts["boxes"]):
            box.set(facecolor=class_colour(i), alpha=0.5)
        axes.set_ylabel(name)
    return figure
