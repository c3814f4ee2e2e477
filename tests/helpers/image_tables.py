"""Image sets without files, for tests of groups and splits."""

from dataclasses import replace

import numpy as np
import pandas as pd

from ufgen.images.image_set import COLUMNS, ImageSet


def changed(images: ImageSet, **columns) -> ImageSet:
    """The image set with other values in some columns."""
    return replace(images, table=images.table.assign(**columns))


def grouped(count=200, seed=0) -> ImageSet:
    """`count` images of about a third as many random groups, a third of which are UF."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, count // 3, count)
    table = pd.DataFrame({"path": [f"/x/{i}.png" for i in range(count)]})
    table = table.assign(label=np.where(group % 3 == 0, "UF", "NUF"), split="", source="real")
    table = table.assign(group=[f"g{g}" for g in group], sha256=table["path"])
    return ImageSet(table[COLUMNS], "UF")


def patients(sizes, labels) -> ImageSet:
    """Patients of `sizes` images, each of one of the `labels`, or of two in turn ("ab")."""
    rows = [
        (f"{g}-{i}.png", labels[g][i % len(labels[g])], "", f"g{g:02d}", "real", f"{g}-{i}")
        for g, size in enumerate(sizes)
        for i in range(size)
    ]
    columns = ["path", "label", "split", "group", "source", "sha256"]
    return ImageSet(pd.DataFrame(rows, columns=columns)[COLUMNS], "a")


def six(**columns) -> ImageSet:
    """Three training and three test images: x0 .. x5, of groups g0 .. g5."""
    number = [str(i) for i in range(6)]
    table = pd.DataFrame({"path": [f"x{i}" for i in number], "label": ["UF", "NUF", "NUF"] * 2})
    table = table.assign(split=["train"] * 3 + ["test"] * 3, source="real")
    table = table.assign(group=[f"g{i}" for i in number], sha256=[f"h{i}" for i in number])
    return ImageSet(table.assign(**columns)[COLUMNS], "UF")
