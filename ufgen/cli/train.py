"""`ufgen train` and `evaluate`: one classifier."""

from pathlib import Path
from typing import Annotated

import typer

from ufgen import environment
from ufgen.cli.application import app
from ufgen.cli.options import (
    AllowUngrouped,
    Channels,
    Data,
    Fit,
    GroupPattern,
    Positive,
    Resolution,
    Seed,
    TensorBoard,
    mention_quarantine,
)
from ufgen.display.tensorboard import write_to
from ufgen.errors import UserError

NOTHING_LEARNED = "all images get the same probability: nothing was learned"
MORE = "Try more --steps, another --learning-rate, pretrained --weights, or more images"


@app.command(epilog="Example: ufgen train UF_dataset --classifier mobilenet_v3 --out models/first")
def train(
    location: Data = Path("UF_dataset"),
    classifier: Annotated[
        str,
        typer.Option(
            help="custom_resnet50, mobilenet_v3, mobilenet_v3_small, hybrid or keras:NAME."
        ),
    ] = "mobilenet_v3",
    out: Annotated[Path, typer.Option(help="Folder for the model.")] = Path("models/model"),
    weights: Annotated[
        str, typer.Option(help="imagenet, none, or a local weights file.")
    ] = "imagenet",
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 300,
    batch: Annotated[int, typer.Option(min=2)] = 16,
    learning_rate: float = 5e-4,
    schedule: Annotated[str, typer.Option(help="cosine, plateau or constant.")] = "cosine",
    trained: Annotated[
        str, typer.Option(help="What learns: all, last_block (and the head), or head.")
    ] = "all",
    frozen_steps: Annotated[
        int, typer.Option(min=0, help="First steps in which only the head learns.")
    ] = 0,
    backbone_rate: Annotated[
        float, typer.Option(help="Learning rate of the backbone, as a share of the head's.")
    ] = 1.0,
    balance: Annotated[str, typer.Option(help="none, class_weights or oversample.")] = "none",
    label_smoothing: Annotated[float, typer.Option(min=0, help="Share of the way to 1/2.")] = 0.0,
    focal: Annotated[float, typer.Option(min=0, help="Exponent of the focal loss.")] = 0.0,
    average: Annotated[
        int, typer.Option(min=0, help="Half-life in steps of averaged weights; 0: none.")
    ] = 0,
    precision: Annotated[
        str, typer.Option(help="float32, bfloat16, or auto: by network and device.")
    ] = "auto",
    augmentation: Annotated[
        str, typer.Option(help="none, light, seed, randaugment, gridmask, mixup or cutmix.")
    ] = "none",
    test_views: Annotated[
        int,
        typer.Option(min=0, help="Augmented views that a prediction averages with the image."),
    ] = 0,
    members: Annotated[
        int, typer.Option(min=1, max=100, help="Networks, of seeds in a row, that are averaged.")
    ] = 1,
    sensitivity: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=1, help="Sensitivity that the threshold aims at.  [default: Youden's]"
        ),
    ] = None,
    selection_metric: Annotated[
        str,
        typer.Option(
            help="Metric on validation images by which the weights are chosen; within one standard "
            "error of the best, those with the least calibrated loss."
        ),
    ] = "roc_auc",
    validation_fraction: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Share of the images held out for validation.")
    ] = 0.2,
    positive: Positive = None,
    group_pattern: GroupPattern = None,
    allow_ungrouped: AllowUngrouped = False,
    resolution: Resolution = 64,
    channels: Channels = 1,
    fit: Fit = "crop",
    seed: Seed = 0,
    tensorboard: TensorBoard = None,
) -> None:
    """Train one classifier on the training images and save it.

    Part of them is held out for validation. It chooses the weights that are kept: of the
    evaluations whose --selection-metric lies within one standard error of the best, the one with
    the least calibrated loss, and never a network that gives all images the same probability while
    another does not. It also sets temperature and threshold.
    """
    if tensorboard:
        write_to(tensorboard)
    environment.import_keras()

    from classifiers import model_folder
    from classifiers.training.settings import Training
    from ufgen.images import image_set, splits
    from ufgen.progress import Progress

    images = image_set.scan(location, positive, group_pattern, allow_ungrouped=allow_ungrouped)
    splits.check_apart(*map(images.split, splits.SPLITS))
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
        average=average,
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
    """What model.json says of a training that learned little."""
    said = []
    if metadata["constant"]:
        said.append(f"{NOTHING_LEARNED}. {MORE}")
    if metadata["kept_first"]:
        said.append(
            f"{metadata['kept_first']} of {metadata['members']} networks kept the weights of the first "
            f"evaluation: no later one was better on the validation images. {MORE}"
        )
    return said


@app.command(epilog="Example: ufgen evaluate models/first UF_dataset")
def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder that `ufgen train` wrote.")],
    location: Data = Path("UF_dataset"),
    group_pattern: GroupPattern = None,
    allow_ungrouped: AllowUngrouped = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the results.  [default: runs/evaluate/MODEL]"),
    ] = None,
) -> None:
    """Evaluate a saved classifier on the test images; images it was trained on are refused."""
    environment.import_keras()
    from classifiers import model_folder
    from classifiers.evaluation import curve_figure, evaluation_report, metrics
    from ufgen.atomic import atomic_file
    from ufgen.images import image_set

    out = out or Path("runs/evaluate") / model.resolve().name
    if out.is_file():
        raise UserError(f"--out {out} is a file: expected a folder, which may be new")
    classifier = model_folder.load(model)
    images = image_set.scan(
        location, classifier.metadata["positive"], group_pattern, allow_ungrouped=allow_ungrouped
    )
    if "test" in set(images.table["split"]):
        images = images.split("test")
    found, predictions, quarantine = classifier.evaluate(images, group_pattern)
    scored = predictions["target"], predictions["probability"], classifier.metadata["threshold"]
    if classifier.is_constant(predictions):
        print(f"Warning: {NOTHING_LEARNED}. {MORE}")
    print(evaluation_report.text(found, metrics.confusion(*scored)))
    for warning in evaluation_report.warnings(predictions["target"], predictions["group"]):
        print(f"Warning: {warning}")
    mention_quarantine(quarantine)
    table = model_folder.name_probability_column(images.relative(predictions), classifier.metadata["positive"])
    for rows, name in ((found, "metrics.csv"), (table, "predictions.csv")):
        with atomic_file(out / name) as temporary:
            rows.to_csv(temporary, index=False)
    curve_figure.write_curves(out / "curves.png", *scored)
    classifier.explain(predictions, out, images.root)
    print(f"Numbers, predictions, curves, explanations: {out}")
