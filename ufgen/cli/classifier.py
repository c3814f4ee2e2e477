"""`ufgen train` and `evaluate`: one classifier."""

from pathlib import Path
from typing import Annotated

import typer

from ufgen import environment
from ufgen.cli.application import app
from ufgen.cli.options import (
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
from ufgen.errors import UserError
from ufgen.tensorboard import write_to


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
    positive: Positive = None,
    group_pattern: GroupPattern = None,
    resolution: Resolution = 64,
    channels: Channels = 1,
    fit: Fit = "crop",
    seed: Seed = 0,
    tensorboard: TensorBoard = None,
) -> None:
    """Train one classifier on the training images and save it."""
    if tensorboard:
        write_to(tensorboard)
    environment.import_keras()

    from classifiers import saved
    from classifiers.settings import Training
    from ufgen import imageset, splits
    from ufgen.progress import Progress

    images = imageset.scan(location, positive, group_pattern)
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
    )
    with Progress(total=steps * members, desc=classifier, unit="step") as bar:
        about = saved.train(
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
            members=members,
            seed=seed,
            on_step=bar.update,
        )
    print(
        f"{classifier} from {weights} weights: {about['images']['training']} training and "
        f"{about['images']['validation']} validation images, validation ROC AUC "
        f"{about['validation_roc_auc']:.3f}, threshold {about['threshold']:.3f} "
        f"({about['threshold_rule']}), temperature {about['temperature']:.2f}\nModel: {out}"
    )


@app.command(epilog="Example: ufgen evaluate models/first UF_dataset")
def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder that `ufgen train` wrote.")],
    location: Data = Path("UF_dataset"),
    group_pattern: GroupPattern = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the results.  [default: runs/evaluate/MODEL]"),
    ] = None,
) -> None:
    """Evaluate a saved classifier on the test images; images it was trained on are refused."""
    environment.import_keras()
    from classifiers import assessment, metrics, saved
    from ufgen import imageset
    from ufgen.atomic import whole_file

    out = out or Path("runs/evaluate") / model.resolve().name
    if out.is_file():
        raise UserError(f"--out {out} is a file: expected a folder, which may be new")
    classifier = saved.load(model)
    images = imageset.scan(location, classifier.about["positive"], group_pattern)
    if "test" in set(images.table["split"]):
        images = images.split("test")
    found, predictions, quarantine = classifier.evaluate(images)
    scored = predictions["target"], predictions["probability"], classifier.about["threshold"]
    print(assessment.text(found, metrics.confusion(*scored)))
    mention_quarantine(quarantine)
    for table, name in ((found, "metrics.csv"), (predictions, "predictions.csv")):
        with whole_file(out / name) as temporary:
            table.to_csv(temporary, index=False)
    assessment.write_curves(out / "curves.png", *scored)
    classifier.explain(predictions, out)
    print(f"Numbers, predictions, curves, explanations: {out}")
