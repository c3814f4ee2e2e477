"""Curves of a generator's training: losses, and the distance to the training images."""

from pathlib import Path

from ufgen.display import figure_style
from ufgen.display.figure_style import BLACK, BLUE, GREEN, GREY, VERMILLION
from ufgen.fidelity.real_reference import RealReference

HALVES = "halves of the training images"


@figure_style.style()
def write_curves(path: Path, metrics: list[dict], extractor: str, reference: RealReference) -> None:
    """Plot losses and kernel distance (KD) against thousands of images shown.

    Args:
        path: The PNG file to write.
        metrics: Rows of metrics.jsonl: of losses, of evaluations, and of recoveries.
        extractor: Name of the features of the distance.
        reference: The distance between halves of the training images.
    """
    figure = figure_style.open_figure(height=6)
    losses, distances = figure.subplots(2, 1, sharex=True)
    rows = [row for row in metrics if "generator_loss" in row]
    kinds = (("generator_loss", BLUE, "-"), ("discriminator_loss", VERMILLION, "--"))
    for name, colour, style in kinds:
        kimg, values = [row["kimg"] for row in rows], [row[name] for row in rows]
        losses.plot(kimg, values, style, color=colour, label=name.replace("_", " "))
    losses.set(ylabel="loss", title="Generator training")
    rows = [row for row in metrics if "distance" in row]
    kimg, values = [row["kimg"] for row in rows], [row["distance"] for row in rows]
    distances.plot(kimg, values, "o-", color=GREEN, markersize=4, label="synthetic to training")
    if rows:
        best = min(rows, key=lambda row: row["distance"])
        distances.plot(
            best["kimg"], best["distance"], "*", color=BLACK, markersize=12, label="snapshot"
        )
    band = {"color": GREY, "alpha": 0.25, "linewidth": 0, "label": f"{HALVES}, range"}
    distances.axhspan(reference.low, reference.high, **band)
    distances.axhline(reference.mean, color=GREY, linestyle="--", label=f"{HALVES}, mean")
    distances.set(xlabel="thousands of training images shown", ylabel=f"KD-{extractor}")
    near = max(abs(reference.low), abs(reference.high))
    figure_style.log_where_wide(distances.yaxis, values, near)
    for axes in (losses, distances):
        for row in metrics:
            if "recovered" in row:
                axes.axvline(row["recovered"], color=VERMILLION, linestyle=":")
        figure_style.legend_beside(axes)
        axes.grid(alpha=0.3)
    figure_style.save(figure, path)
