"""What a study records beside each set of synthetic images: how good they are, and figures."""

from pathlib import Path

import numpy as np
import pandas as pd

from ufgen.display import figure_style
from ufgen.display.contact_sheet import LabelledImages
from ufgen.display.image_grid import GRID_COLUMNS, write_grid
from ufgen.fidelity import gate
from ufgen.fidelity.feature_extractors import extract, texture
from ufgen.fidelity.fidelity_table import standardised
from ufgen.gan.sampling.sampler import GeneratedImages
from ufgen.images.image_set import ImageSet
from ufgen.synthesis.evaluation import compare_image_sets

FEWEST_HELD_OUT = 5
EMBEDDED_IMAGES = 600  # at most, of the real and of the synthetic ones
METRICS = ("KD-texture", "precision-texture", "recall-texture", "coverage-texture")
WITH_REFERENCE = ("KD-texture", "coverage-texture")


def write_fidelity_record(
    folder: Path,
    generated: GeneratedImages,
    train: ImageSet,
    train_pixels: np.ndarray,
    held_out: LabelledImages,
) -> None:
    """Write fidelity, the test for copies, nearest neighbours and an embedding into `folder`.

    fidelity.csv and copies.csv are those of `evaluation.compare_image_sets`; nearest.png has
    synthetic images above the training images that they correlate with most; embedding.png is a
    t-SNE of texture features.

    Args:
        folder: Where to write.
        generated: The synthetic images.
        train: The N images that the generator was trained on.
        train_pixels: Theirs: uint8 (N, H, W, C).
        held_out: Images that the generator has not seen, and that are not test images.
    """
    synthetic = ImageSet(generated.table, train.positive)
    unseen = held_out if len(held_out.table) >= FEWEST_HELD_OUT else None
    pair = train, train_pixels, synthetic, generated.pixels
    report = compare_image_sets(folder, *pair, unseen, texture(), train)
    _write_nearest(folder / "nearest.png", generated, train_pixels, report.copies.table)
    _write_embedding(folder / "embedding.png", *pair)


def table(sets: list[dict], folder: Path) -> pd.DataFrame:
    """Tabulate how near each synthetic set of a study is to its training images.

    Args:
        sets: Those of `synthetic_images.describe_sets`.
        folder: The study's folder.

    Returns:
        One row per set: the columns of `sets`; images; copies (a fraction); `METRICS`, and for some
        of them the reference, real images against real ones; unlike_real, which says why the images
        are not like real ones, or is "" (see `ufgen.fidelity.gate`).
    """
    rows = []
    for metadata in sets:
        set_folder = folder / "synthetic" / metadata["folder"]
        fidelity = pd.read_csv(set_folder / "fidelity.csv", keep_default_na=False, na_values=[""])
        whole = fidelity[fidelity["scope"] == "all"].set_index("metric")
        copies = pd.read_csv(set_folder / "copies.csv")
        rows.append(
            metadata
            | {"images": len(copies), "copies": float(copies["copy"].mean())}
            | {name: whole["value"].get(name, np.nan) for name in METRICS}
            | {f"{n} reference": whole["reference"].get(n, np.nan) for n in WITH_REFERENCE}
            | {"unlike_real": " ".join(gate.failures(fidelity))}
        )
    columns = ["folder", "generator", "filtered", "split", "images", "copies", *METRICS]
    columns += [f"{name} reference" for name in WITH_REFERENCE]
    return pd.DataFrame(rows, columns=[*columns, "unlike_real"])


def _write_nearest(
    path: Path, generated: GeneratedImages, train_pixels: np.ndarray, copies: pd.DataFrame
) -> None:
    """The first images of each class, and the closest of all, each above its nearest neighbour."""
    by_class = generated.table.groupby("label", sort=False).indices
    groups = [(label, rows[:GRID_COLUMNS]) for label, rows in by_class.items()]
    order = np.argsort(-copies["correlation"].to_numpy(), kind="stable")
    groups.append(("closest of all", order[:GRID_COLUMNS]))
    lines = []
    for name, rows in groups:
        nearest = train_pixels[copies["train_row"].to_numpy()[rows]].copy()
        mirrored = copies["flipped"].to_numpy()[rows]
        nearest[mirrored] = nearest[mirrored][:, :, ::-1]
        lines += [(f"{name}\nsynthetic", generated.pixels[rows]), ("nearest in\ntraining", nearest)]
    write_grid(path, lines, "synthetic images, each above the training image nearest to it")


@figure_style.style()
def _write_embedding(
    path: Path,
    train: ImageSet,
    train_pixels: np.ndarray,
    synthetic: ImageSet,
    synthetic_pixels: np.ndarray,
) -> None:
    """t-SNE (van der Maaten and Hinton, JMLR 2008) of texture features, real and synthetic."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    extractor = texture()
    reference = extract(extractor, train_pixels)
    parts = [reference, extract(extractor, synthetic_pixels)]
    rows_of = [_evenly_spaced(len(part)) for part in parts]
    features = np.concatenate(
        [standardised(p, reference, extractor)[i] for p, i in zip(parts, rows_of, strict=True)]
    )
    perplexity = max(1.0, min(30.0, (len(features) - 1) / 3))
    with threadpool_limits(1):  # more threads wait for each other far longer than they work
        points = TSNE(init="pca", perplexity=perplexity, random_state=0).fit_transform(features)
    labels = np.concatenate(
        [
            images.table["label"].to_numpy()[rows]
            for images, rows in zip((train, synthetic), rows_of, strict=True)
        ]
    )
    real = np.arange(len(features)) < len(rows_of[0])
    source_word = figure_style.source_word(train.table["source"])
    figure = figure_style.open_figure(6.4, 4.6)
    axes = figure.subplots()
    for index, label in enumerate(train.classes):
        colour = figure_style.class_colour(index)
        for kind, mask in ((source_word, real), ("synthetic", ~real)):
            x, y = points[mask & (labels == label)].T
            face = colour if kind == source_word else "none"
            axes.scatter(
                x, y, s=14, lw=0.7, fc=face, ec=colour, alpha=0.75, label=f"{label}, {kind}"
            )
    axes.set(xticks=[], yticks=[], title="t-SNE of texture features")
    figure_style.legend_beside(axes)
    figure_style.save(figure, path)


def _evenly_spaced(count: int) -> np.ndarray:
    """Rows 0 to `count` - 1, or `EMBEDDED_IMAGES` of them."""
    return np.unique(np.linspace(0, count - 1, min(count, EMBEDDED_IMAGES)).round().astype(int))
