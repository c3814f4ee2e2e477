"""From a study to its images: read, checked, and split by role."""

import hashlib
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.design.arms import Arm, compose_training_set
from experiments.design.study import Study
from experiments.design.trials import SplitKey
from ufgen.display.figure_style import source_word
from ufgen.images import grouping, image_set, pixel_store, positive_class, splits
from ufgen.images.image_set import ImageSet
from ufgen.images.pixel_store import PixelStore


class LoadedImages(NamedTuple):
    """The real images of a study.

    Attributes:
        images: Those that could be decoded.
        store: Their pixels, at the study's resolution.
        quarantine: Those that could not: path, label, split, reason.
    """

    images: ImageSet
    store: PixelStore
    quarantine: pd.DataFrame

    @property
    def source_word(self) -> str:
        """What the images are called: "real", or "simulated" where a phantom made any of them."""
        return source_word(self.images.table["source"])

    def pixels_of(self, paths: list[str]) -> np.ndarray:
        """Look images up by the paths that a study's tables hold.

        Args:
            paths: N paths relative to the root of the images.

        Returns:
            Their pixels: uint8 (N, size, size, channels).
        """
        rows = self.images.relative().set_index("path").index.get_indexer(paths)
        return self.store.take(self.images.select(rows))


class DataSplit(NamedTuple):
    """The real images of a study by role, with one store for the pixels of all.

    Attributes:
        fit: What generators and classifiers are trained on.
        validation: Chooses weights, temperature and threshold: the split validation, or whole
            groups of the training split.
        test: Predicted once per trial.
        pool: Training groups that only arms with oracle images use.
        store: The pixels of all of these.
        key: Which division it is.
    """

    fit: ImageSet
    validation: ImageSet
    test: ImageSet
    pool: ImageSet
    store: PixelStore
    key: SplitKey = SplitKey()

    def table(self) -> pd.DataFrame:
        """List all images.

        Returns:
            The columns of an image set, and `role`: fit, validation, test or pool.
        """
        roles = ("fit", "validation", "test", "pool")
        parts = [getattr(self, role).relative().assign(role=role) for role in roles]
        return pd.concat(parts, ignore_index=True)


def read_images(study: Study) -> LoadedImages:
    """Read and check the images of a study; groups that share a picture become one.

    Args:
        study: Names the images, their groups and the resolution.

    Returns:
        The images with their pixels.

    Raises:
        UserError: Images that are synthetic, of one class only, without a positive class, all
            unreadable, or in two of their own splits.
    """
    options = study.images
    images = positive_class.scan(
        options.path,
        options.positive,
        options.group_pattern,
        allow_ungrouped=options.allow_ungrouped,
        negative=options.negative,
    )
    image_set.report_left_out(images)
    if options.validation == "join":
        images = splits.join_validation(images)
    splits.check_real(images, "training and test")
    positive_class.check(images)
    images, store, quarantine = pixel_store.load(
        images, options.resolution, options.channels, options.fit, options.preparation
    )
    if not study.folds:
        splits.check_splits(images)
    return LoadedImages(grouping.group_same_pictures(images), store, quarantine)


def split_by_role(study: Study, loaded: LoadedImages, key: SplitKey = SplitKey()) -> DataSplit:
    """Split the images into fit, validation, test and pool, by whole groups.

    Images of the split validation are the validation images, whatever fraction of the training
    groups is in use. Without such, or in cross-validation, for which all splits are pooled, they
    are held out from the training groups in use.

    Args:
        study: Says which fraction of the training groups is in use, and which of them validates.
        loaded: All images of the study.
        key: Which fold of which repeat is the test split (by default the images' own), and which
            part of the training groups is in use.

    Returns:
        The images by role.

    Raises:
        UserError: There are too few groups, or an arm asks for more oracle images than the pool
            has.
    """
    if key.fold is None:
        train, test = loaded.images.split("train"), loaded.images.split("test")
        own = loaded.images.split("validation")
    else:
        held_out = splits.fold(loaded.images, study.folds, key.fold, key.repeat)
        train, test = loaded.images.select(~held_out), loaded.images.select(held_out)
        own = loaded.images.select(np.zeros(0, int))
    ranks = grouping.group_ranks(train, study.split_seed)
    order = np.lexsort((train.table["sha256"], ranks))
    starts = np.arange(study.images.parts + 1) * study.images.fraction
    pool = train.select(order[ranks[order] >= starts[-1]])
    train = train.select((starts[key.part] <= ranks) & (ranks < starts[key.part + 1]))
    fit, validation = train, own
    if not len(own):
        held_out = splits.hold_out(train, study.validation_fraction, study.split_seed)
        fit, validation = train.select(~held_out), train.select(held_out)
    for arm in study.parsed_arms():
        if arm.oracle:
            compose_training_set(fit, None, Arm(arm.name, real=True, oracle=arm.oracle), 0, pool)
    return DataSplit(fit, validation, test, pool, loaded.store, key)


def images_table(
    study: Study, loaded: LoadedImages, data_splits: dict[SplitKey, DataSplit]
) -> pd.DataFrame:
    """List the real images of a study and what each was used for.

    Args:
        study: With or without cross-validation.
        loaded: All images of the study.
        data_splits: Every split of the study, by its key.

    Returns:
        The columns of an image set, and `role`; with cross-validation the role is
        "cross-validated" and `fold_of_repeat_<number>` is the fold, from 1, in each repeat; with
        several parts `role_in_part_<number>` is the role in each.
    """
    if not study.folds:
        tables = [data_split.table() for data_split in data_splits.values()]
        if len(tables) == 1:
            return tables[0]
        table = loaded.images.relative()
        for key, roles in zip(data_splits, tables, strict=True):
            role = table["path"].map(roles.set_index("path")["role"]).fillna("other part")
            table[f"role_in_part_{key.part + 1}"] = role
        return table
    table = loaded.images.relative().assign(role="cross-validated")
    for key, data_split in data_splits.items():
        assert key.fold is not None
        column = f"fold_of_repeat_{key.repeat + 1}"
        table.loc[table["path"].isin(data_split.test.relative()["path"]), column] = key.fold + 1
    return table


def content_key(images: ImageSet) -> str:
    """Hash which images have which labels and sources; their order and paths do not count.

    Args:
        images: Decoded images, so that their `sha256` is known.

    Returns:
        64 hexadecimal digits.
    """
    rows = images.table[["sha256", "label", "source"]].to_numpy(str)
    rows = rows[np.lexsort(rows.T[::-1])]
    return hashlib.sha256("\n".join(map(",".join, rows)).encode()).hexdigest()
