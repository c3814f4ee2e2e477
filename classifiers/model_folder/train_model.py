"""Train a classifier on an image set and save it."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from classifiers.ensemble import Ensemble
from classifiers.evaluation import calibration, metrics
from classifiers.model_folder.save_and_load import FILES, save
from classifiers.training import weight_selection
from classifiers.training.batches import Examples
from classifiers.training.settings import Training, check_trial
from classifiers.training.trainer import Classifier
from ufgen import precision
from ufgen.atomic import check_replaceable
from ufgen.display import tensorboard
from ufgen.images import grouping, image_set, pixel_store, positive_class, splits
from ufgen.images.image_set import ImageSet


def train(
    images: ImageSet,
    name: str,
    out: Path,
    training: Training,
    *,
    size: int = 64,
    channels: int = 1,
    fit: str = "crop",
    weights: str = "none",
    augmentation: str = "none",
    sensitivity: float | None = None,
    validation_fraction: float = 0.2,
    validation: ImageSet | None = None,
    members: int = 1,
    seed: int = 0,
    on_step: Callable[[], None] = lambda: None,
) -> dict:
    """Train a classifier and save it.

    Validation images, or groups that are held out for validation, alone choose the weights that are
    kept, the temperature and the threshold.

    Args:
        images: Labelled images of two classes or more; all of them are used.
        name: A classifier of `registry.build`.
        out: Folder to write.
        training: How to train.
        size: Working size in pixels.
        channels: 1 for grayscale, 3 for colour.
        fit: "crop" or "pad", to keep the aspect ratio.
        weights: Initial weights: "imagenet", "none" or a file.
        augmentation: A policy of `augmentation.POLICIES`.
        sensitivity: The threshold is the highest one with at least this sensitivity on the
            validation images; None for Youden's.
        validation_fraction: Fraction of the images held out for validation.
        validation: The images of the split validation, of which none may be among `images`; None to
            hold some out.
        members: Networks of an ensemble.
        seed: Of the first member; the others have those that follow.
        on_step: Called after each optimiser step.

    Returns:
        The content of model.json. `constant` says whether all validation images get the same
        probability; `kept_first`, how many members kept the weights of their first evaluation.

    Raises:
        UserError: If the folder holds other files, an option is not valid, the images are not real
            or have no positive class beside another, too few can be read, or a class or
            a group is not as it must be in the validation images.
    """
    check_replaceable(out, FILES, "ufgen train")
    check_trial(training, weights, augmentation)
    positive_class.check(images)
    given = set() if validation is None else set(validation.table["path"])
    if validation is not None:
        images = image_set.concatenate([images, validation])
    splits.check_real(images, "training")
    chosen = precision.choose_precision(
        training.precision, precision.faster_classifier_precision(name)
    )
    network = Classifier(name, size, channels, weights, chosen)  # first: weights may be missing
    decoded = pixel_store.load(images, size, channels, fit)
    if validation is not None:
        held_out = decoded.images.table["path"].isin(given).to_numpy()
        parts = decoded.images.select(~held_out), decoded.images.select(held_out)
        positive_class.check_same_classes(*parts, "validation")
        splits.check_disjoint(decoded.images)
    groups = decoded.images.table.set_index("path")["group"]
    images = grouping.group_same_pictures(decoded.images)
    images = images.select(np.argsort(images.table["sha256"], kind="stable"))
    if validation is None:
        held_out = splits.hold_out(images, validation_fraction, seed)
    else:
        held_out = images.table["path"].isin(given).to_numpy()
    fitted, tuning = (
        Examples(decoded.store.take(part), part.targets())
        for part in (images.select(~held_out), images.select(held_out))
    )
    histories, values = [], []
    for member in range(members):
        curves = tensorboard.Curves(f"classifiers/{Path(out).name}/member_{member + 1}")
        history = network.fit(
            fitted, tuning, training, seed + member, augmentation, on_step, curves
        )
        curves.close()
        histories.append(history.assign(member=member + 1))
        values.append([np.array(variable) for variable in network.model.variables])
    ensemble = Ensemble(network, values, training.test_views)
    raw = ensemble.predict(tuning.pixels)
    calibrated = calibration.fit(tuning.targets, raw, sensitivity)
    metadata = {
        "classifier": name,
        "size": size,
        "channels": channels,
        "fit": fit,
        "positive": images.positive,
        "negative": positive_class.negative(images),
        "threshold": calibrated.threshold,
        "threshold_rule": f"sensitivity {sensitivity:g}" if sensitivity else "Youden",
        "temperature": calibrated.temperature,
        "members": members,
        "test_views": training.test_views,
        "initial_weights": weights,
        "augmentation": augmentation,
        "seed": seed,
        "training": training.for_weights(weights).as_dict() | {"precision": chosen},
        "images": {"training": int((~held_out).sum()), "validation": int(held_out.sum())},
        "root": Path(os.path.relpath(images.root or ".", out)).as_posix(),
        "unreadable_files": len(decoded.quarantine),
        "validation_roc_auc": float(metrics.roc_auc(tuning.targets, raw)),
        "constant": metrics.is_constant(calibration.scale(raw, calibrated.temperature)),
        "kept_first": sum(map(weight_selection.kept_first, histories)),
    }
    roles = np.where(held_out, "validation", "fit")
    table = images.table.assign(role=roles, group=images.table["path"].map(groups))
    save(out, ensemble, metadata, pd.concat(histories), images.relative(table))
    return metadata
