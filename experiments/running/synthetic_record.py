"""What a study keeps beside each set of synthetic images: how good they are, and pictures."""

from pathlib import Path

import numpy as np
import pandas as pd

from ufgen.display import figure_style
from ufgen.display.contact_sheet import Strip
from ufgen.display.image_grid import GRID_COLUMNS, write_grid
from ufgen.fidelity import gate
from ufgen.fidelity.feature_extractors import extract, texture
from ufgen.fidelity.fidelity_table import standardised
from ufgen.gan.sampling.sampler import GeneratedImages
from ufgen.images.image_set import ImageSet
from ufgen.synthesis.evaluation import compare_image_sets

FEWEST_HELD_OUT = 5
EMBEDDED = 600
REFERENCES = ("KD-texture", "coverage-texture")
KEPT = ("KD-texture", "precision-texture", "recall-texture", "coverage-texture")


def describe(
    folder: Path, drawn: GeneratedImages, train: ImageSet, train_pixels: np.ndarray, held_out: Strip
) -> None:
    """Write into `folder` what is known of synthetic images: numbers, copies, pictures.

    fidelity.csv and copies.csv (see `synthesis.evaluation`), nearest.png (synthetic images above
    the training images that they correlate with most) and embedding.png. `train` are those that
    the generator saw; `held_out` others that are not test images.
    """
    synthetic = ImageSet(drawn.table, train.positive)
    unseen = held_out if len(held_out.table) >= FEWEST_HELD_OUT else None
    pair = train, train_pixels, synthetic, drawn.pixels
    found = compare_image_sets(folder, *pair, unseen, texture(), train)
    _write_nearest(folder / "nearest.png", drawn, train_pixels, found.copies.table)
    _write_embedding(folder / "embedding.png", *pair)


def table(sets: list[dict], folder: Path) -> pd.DataFrame:
    """One row per set of synthetic images: how near they are to the training images.

    `unlike_real` says why they are not like real ones, or is "" (see `ufgen.fidelity.gate`).
    `sets` name the `folder` of each, below `folder/synthetic`, and what it was drawn for.
    """
    rows = []
    for metadata in sets:
        place = folder / "synthetic" / metadata["folder"]
        fidelity = pd.read_csv(place / "fidelity.csv", keep_default_na=False, na_values=[""])
        whole = fidelity[fidelity["scope"] == "all"].set_index("metric")
        copies = pd.read_csv(place / "copies.csv")
        numbers = {name: whole["value"].get(name, np.nan) for name in KEPT}
        reference = {f"{n} reference": whole["reference"].get(n, np.nan) for n in REFERENCES}
        reference["unlike_real"] = " ".join(gate.failures(fidelity))
        counts = {"images": len(copies), "copies": float(copies["copy"].mean())}
        rows.append(metadata | counts | numbers | reference)
    columns = ["folder", "generator", "filtered", "split", "images", "copies", *KEPT]
    columns += [f"{name} reference" for name in REFERENCES]
    return pd.DataFrame(rows, columns=[*columns, "unlike_real"])


def _write_nearest(path: Path, drawn: GeneratedImages, train_pixels: np.ndarray, found) -> None:
    """Per class the first images drawn, and the closest of all, each above its nearest."""
    by_class = drawn.table.groupby("label", sort=False).indices
    chosen = [(label, rows[:GRID_COLUMNS]) for label, rows in by_class.items()]
    order = np.argsort(-found["correlation"].to_numpy(), kind="stable")
    chosen.append(("closest of all", order[:GRID_COLUMNS]))
    rows = []
    for name, which in chosen:
        nearest = train_pixels[found["train_row"].to_numpy()[which]].copy()
        mirrored = found["flipped"].to_numpy()[which]
        nearest[mirrored] = nearest[mirrored][:, :, ::-1]
        rows += [(f"{name}\nsynthetic", drawn.pixels[which]), ("nearest in\ntraining", nearest)]
    write_grid(path, rows, "synthetic images, each above the training image nearest to it")


@figure_style.style()
def _write_embedding(path: Path, train: ImageSet, train_pixels, synthetic: ImageSet, pixels):
    """t-SNE (van der Maaten and Hinton, JMLR 2008) of texture features, real and synthetic."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    extractor = texture()
    reference = extract(extractor, train_pixels)
    parts = [reference, extract(extractor, pixels)]
    picked = [_evenly(len(part)) for part in parts]
    features = np.concatenate(
        [standardised(p, reference, extractor)[i] for p, i in zip(parts, picked, strict=True)]
    )
    perplexity = max(1.0, min(30.0, (len(features) - 1) / 3))
    with threadpool_limits(1):  # its threads wait for each other far longer than they work
        places = TSNE(init="pca", perplexity=perplexity, random_state=0).fit_transform(features)
    labels = [
        images.table["label"].to_numpy()[i]
        for images, i in zip((train, synthetic), picked, strict=True)
    ]
    labels, real = np.concatenate(labels), np.arange(len(features)) < len(picked[0])
    original = figure_style.source_word(train.table["source"])
    figure = figure_style.open_figure(6.4, 4.6)
    axes = figure.subplots()
    for place, label in enumerate(train.classes):
        colour = figure_style.class_colour(place)
        for kind, mask in ((original, real), ("synthetic", ~real)):
            x, y = places[mask & (labels == label)].T
            face = colour if kind == original else "none"
            axes.scatter(
                x, y, s=14, lw=0.7, fc=face, ec=colour, alpha=0.75, label=f"{label}, {kind}"
            )
    axes.set(xticks=[], yticks=[], title="t-SNE of texture features")
    figure_style.legend_beside(axes)
    figure_style.save(figure, path)


def _evenly(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, EMBEDDED)).round().astype(int))
