"""`ufgen train`: one classifier."""

from pathlib import Path
from typing import Annotated

import typer

from ufgen import environment
from ufgen.cli.application import app
from ufgen.cli.options import (
    CONSTANT,
    TRAINING_ADVICE,
    AllowUngrouped,
    Channels,
    Data,
    Fit,
    GroupPattern,
    JoinValidation,
    Negative,
    Positive,
    Resolution,
    Seed,
    TensorBoard,
)
from ufgen.display.tensorboard import enable_tensorboard


@app.command(epilog="Example: ufgen train UF_dataset --classifier mobilenet_v3 --out models/first")
def train(
    location: Data = Path("UF_dataset"),
    classifier: Annotated[
        str,
        typer.Option(
            help="custom_resnet50, mobilenet_v3, mobilenet_v3_small, hybrid, efficientnet_lite0 or "
            "keras:NAME."
        ),
    ] = "mobilenet_v3",
    out: Annotated[Path, typer.Option(help="Folder for the model.")] = Path("models/model"),
    weights: Annotated[
        str, typer.Option(help="imagenet, none, or a local weights file.")
    ] = "imagenet",
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 300,
    batch: Annotated[int, typer.Option(min=2, help="Batch size.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="Learning rate of the head.")] = 5e-4,
    schedule: Annotated[str, typer.Option(help="cosine, plateau or constant.")] = "cosine",
    trained: Annotated[
        str, typer.Option(help="Layers to train: all, last_block (and the head), or head.")
    ] = "all",
    frozen_steps: Annotated[
        int, typer.Option(min=0, help="First steps, in which only the head is trained.")
    ] = 0,
    backbone_rate: Annotated[
        float | None,
        typer.Option(
            help="Learning rate of the backbone, as a fraction of the head's.  [default: 0.2 where "
            "it is pretrained, 1 from random weights]"
        ),
    ] = None,
    balance: Annotated[str, typer.Option(help="none, class_weights or oversample.")] = "none",
    label_smoothing: Annotated[
        float, typer.Option(min=0, help="Label smoothing toward 1/2.")
    ] = 0.0,
    focal: Annotated[
        float,
        typer.Option(min=0, help="Focusing parameter gamma of the focal loss; 0: cross-entropy."),
    ] = 0.0,
    ema_half_life: Annotated[
        int, typer.Option(min=0, help="Half-life of the EMA of weights, in steps; 0: none.")
    ] = 0,
    precision: Annotated[
        str, typer.Option(help="float32, bfloat16, or auto: by network and device.")
    ] = "auto",
    augmentation: Annotated[
        str, typer.Option(help="none, light, seed, randaugment, gridmask, mixup or cutmix.")
    ] = "none",
    test_views: Annotated[
        int,
        typer.Option(
            min=0, help="Augmented views averaged with the image (test-time augmentation)."
        ),
    ] = 0,
    members: Annotated[
        int, typer.Option(min=1, max=100, help="Networks of an ensemble, with consecutive seeds.")
    ] = 1,
    sensitivity: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=1,
            help="Sensitivity that the threshold must reach.  [default: maximise Youden's J]",
        ),
    ] = None,
    selection_metric: Annotated[
        str,
        typer.Option(
            help="Metric on validation images by which weights are chosen; within one standard "
            "error of the best, those with the lowest calibrated loss."
        ),
    ] = "roc_auc",
    validation_fraction: Annotated[
        float,
        typer.Option(
            min=0.01,
            max=0.9,
            help="Fraction of the training images held out for validation, on which the weights "
            "are selected, where there is no split validation.",
        ),
    ] = 0.2,
    join_validation: JoinValidation = False,
    positive: Positive = None,
    negative: Negative = None,
    group_pattern: GroupPattern = None,
    allow_ungrouped: AllowUngrouped = False,
    resolution: Resolution = 64,
    channels: Channels = 1,
    fit: Fit = "crop",
    seed: Seed = 0,
    tensorboard: TensorBoard = None,
) -> None:
    """Train one classifier on the training images and save it.

    The split validation, or without one a held-out part of the training images, selects the
    weights: of the evaluations whose --selection-metric lies within one standard error of the best,
    the one with the lowest calibrated loss, and never a network that gives all images the same
    probability while another does not. It also sets temperature and threshold.
    """
    if tensorboard:
        enable_tensorboard(tensorboard)
    from classifiers import registry

    registry.check_weights(classifier, weights)
    registry.check_name(classifier)
    environment.import_keras()

    from classifiers import model_folder
    from classifiers.training.settings import Training
    from ufgen.images import image_set, positive_class, splits
    from ufgen.progress import Progress

    images = positive_class.scan(location, positive, group_pattern, allow_ungrouped, negative)
    image_set.report_left_out(images)
    if join_validation:
        images = splits.join_validation(images)
    splits.check_training(images)
    splits.check_disjoint(images)
    validation = images.split("validation")
    if "train" in set(images.table["split"]):
        images = images.split("train")
    settings = Training(
        steps,
        batch,
        learning_rate,
        schedule,
        balance=balance,
        trained=trained,
        frozen_steps=frozen_steps,
        backbone_rate=backbone_rate,
        label_smoothing=label_smoothing,
        focal=focal,
        ema_half_life=ema_half_life,
        precision=precision,
        test_views=test_views,
        selection_metric=selection_metric,
    )
    with Progress(total=steps * members, desc=classifier, unit="step") as bar:
        metadata = model_folder.train(
            images,
            classifier,
            out,
            settings,
            size=resolution,
            channels=channels,
            fit=fit,
            weights=weights,
            augmentation=augmentation,
            sensitivity=sensitivity,
            validation_fraction=validation_fraction,
            validation=validation if len(validation) else None,
            members=members,
            seed=seed,
            on_step=bar.update,
        )
    print(
        f"{classifier} from {weights} weights: {metadata['images']['training']} training and "
        f"{metadata['images']['validation']} validation images, validation ROC AUC "
        f"{metadata['validation_roc_auc']:.3f}, threshold {metadata['threshold']:.3f} "
        f"({metadata['threshold_rule']}), temperature {metadata['temperature']:.2f}"
    )
    for warning in _warnings(metadata):
        print(f"Warning: {warning}")
    print(f"Model: {out}")


def _warnings(metadata: dict) -> list[str]:
    """Warnings of a training that learned little, from model.json."""
    warnings = []
    if metadata["constant"]:
        warnings.append(CONSTANT)
    if metadata["kept_first"]:
        warnings.append(
            f"{metadata['kept_first']} of {metadata['members']} networks kept the weights of the "
            "first evaluation: no later one was better on the validation images. "
            f"{TRAINING_ADVICE}"
        )
    return warnings
