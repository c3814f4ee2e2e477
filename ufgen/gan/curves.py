"""Curves of a generator's training."""

from pathlib import Path

from ufgen.atomic import whole_file


def write_loss_curves(path: Path, metrics: list[dict]) -> None:
    """Draw both losses against thousands of images shown."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    shown = [row["kimg"] for row in metrics]
    for name, colour in (("generator_loss", "#0072B2"), ("discriminator_loss", "#D55E00")):
        axes.plot(shown, [row[name] for row in metrics], color=colour, label=name.replace("_", " "))
    axes.set(xlabel="thousands of real images shown", ylabel="loss", title="Generator training")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=120)
