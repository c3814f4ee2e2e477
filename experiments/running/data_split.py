"""From a study to its images: read, checked, and divided by role."""

import hashlib
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.design.arms import Arm, mix
from experiments.design.study import Study
from ufgen.display.figure_style import source_word
from ufgen.images import grouping, image_set, pixel_store, splits
from ufgen.images.image_set import ImageSet


class LoadedImages(NamedTuple):
    """The real images of a study, their pixels, and what could not be read."""

    images: ImageSet
    store: pixel_store.PixelStore
    quarantine: pd.DataFrame

    @property
    def real(self) -> str:
        """What the images are called: "real", or "simulated" where a phantom made any of them."""
        return source_word(self.images.table["source"])


class DataSplit(NamedTuple):
    """The real images of one division by role, and the pixels of all."""

    fit: ImageSet
    validation: ImageSet
    test: ImageSet
    pool: ImageSet
    store: pixel_store.PixelStore

    def table(self) -> pd.DataFrame:
        """All rows with their role: fit, validation, test, or pool (for oracle arms alone)."""
        roles = ("fit", "validation", "test", "pool")
        parts = [getattr(self, role).relative().assign(role=role) for role in roles]
        return pd.concat(parts, ignore_index=True)


def read_images(study: Study) -> LoadedImages:
    """Read and check the images; the same picture in two groups makes them one."""
    options = study.images
    images = image_set.scan(
        options.path,
        options.positive,
        options.group_pattern,
        allow_ungrouped=options.allow_ungrouped,
    )
    splits.check_real(images, "training and test")
    splits.check_two_classes(images)
    images, store, quarantine = pixel_store.load(
        images, options.resolution, options.channels, options.fit
    )
    if not study.folds:
        splits.check_splits(images)
    return LoadedImages(grouping.group_same_pictures(images), store, quarantine)


def divide(study: Study, read: LoadedImages, split: tuple[int, int] | None = None) -> DataSplit:
    """Divide the images into roles: their own train and test, or the (repeat, fold) `split`.

    Validation images are carved from the training groups in use. Raises UserError, also where an
    arm asks for more images than are kept aside.
    """
    if split is None:
        train, test = read.images.split("train"), read.images.split("test")
    else:
        held = splits.fold(read.images, study.folds, split[1], split[0])
        train, test = read.images.select(~held), read.images.select(held)
    ranks = grouping.group_ranks(train, study.split_seed)
    order = np.lexsort((train.table["sha256"], ranks))
    pool = train.select(order[ranks[order] >= study.images.fraction])
    train = train.select(ranks < study.images.fraction)
    held = splits.hold_out(train, study.validation_fraction, study.split_seed)
    fit = train.select(~held)
    for arm in study.parsed_arms():
        if arm.oracle:
            mix(fit, None, Arm(arm.name, real=True, oracle=arm.oracle), 0, pool)
    return DataSplit(fit, train.select(held), test, pool, read.store)


def images_table(study: Study, read: LoadedImages, prepared: dict) -> pd.DataFrame:
    """All images with their role, or with their fold in each repeat."""
    if not study.folds:
        return prepared[None].table()
    table = read.images.relative().assign(role="cross-validated")
    for (seed, fold), divided in prepared.items():
        column = f"fold_of_seed_{seed}"
        table.loc[table["path"].isin(divided.test.relative()["path"]), column] = fold + 1
    return table


def content_key(images: ImageSet) -> str:
    """A hash of which images with which labels, in which number; not of their order."""
    rows = images.table[["sha256", "label", "source"]].to_numpy(str)
    rows = rows[np.lexsort(rows.T[::-1])]
    return hashlib.sha256("\n".join(map(",".join, rows)).encode()).hexdigest()
