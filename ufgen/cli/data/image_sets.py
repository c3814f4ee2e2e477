"""`ufgen data`: describe, split or simulate image sets, and preview augmentations."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ufgen import environment
from ufgen.cli.data import data
from ufgen.cli.options import (
    AllowUngrouped,
    Data,
    Fit,
    GroupPattern,
    Negative,
    Positive,
    Resolution,
    Seed,
    report_unreadable,
)


@data.command(epilog="Example: ufgen data describe UF_dataset --positive UF")
def describe(
    location: Data,
    out: Annotated[Path, typer.Option(help="Folder for the page.")] = Path("runs/describe"),
    positive: Positive = None,
    negative: Negative = None,
    group_pattern: GroupPattern = None,
    allow_ungrouped: AllowUngrouped = False,
    resolution: Resolution = 128,
    fit: Fit = "crop",
) -> None:
    """Write an HTML summary of an image set: counts, sizes, brightness, contrast, samples."""
    from ufgen.display import image_set_page as page
    from ufgen.images import pixel_store, positive_class

    images = positive_class.scan(location, positive, group_pattern, allow_ungrouped, negative)
    decoded = pixel_store.load(images, resolution, 3, fit)
    print(page.summary(decoded.images, decoded.quarantine))
    written = page.write_page(decoded.images, decoded.store, decoded.quarantine, out)
    print(f"Page: {written}")


@data.command(epilog="Example: ufgen data split images --positive UF --test 0.2 --out split.csv")
def split(
    location: Data,
    out: Annotated[Path, typer.Option(help="The manifest to write.")],
    test: Annotated[
        float, typer.Option(min=0.05, max=0.95, help="Fraction of test images: 0.3 for 70:30.")
    ] = 0.3,
    positive: Positive = None,
    negative: Negative = None,
    group_pattern: GroupPattern = None,
    allow_ungrouped: AllowUngrouped = False,
    grouped: Annotated[
        bool,
        typer.Option("--grouped", help="Keep near-duplicates on one side: they share a group."),
    ] = False,
    drop: Annotated[
        Path | None,
        typer.Option(help="Leave out these images: a path per line, or a table of the check."),
    ] = None,
    seed: Seed = 0,
) -> None:
    """Write a manifest with a grouped, stratified split. No image file is moved or copied."""
    import numpy as np

    from ufgen.audit.duplicates import near_duplicates
    from ufgen.images import grouping, image_set, pixel_store, positive_class, splits
    from ufgen.preparation.drop_list import read_drop_list

    images = positive_class.scan(location, positive, group_pattern, allow_ungrouped, negative)
    image_set.report_left_out(images)
    if drop:
        images = images.select(~images.table["path"].isin(read_drop_list(drop, images)).to_numpy())
    decoded = pixel_store.load(images, 64)
    images = grouping.group_same_pictures(decoded.images)
    if grouped:
        images = near_duplicates.grouped(images)
    held = splits.hold_out(images, test, seed)
    images = replace(images, table=images.table.assign(split=np.where(held, "test", "train")))
    image_set.write_manifest(images, out)
    print(image_set.count_table(images).to_string())
    report_unreadable(decoded.quarantine)
    print(f"Manifest: {out}")


@data.command(epilog="Example: ufgen data phantom phantom_set --train 400 --test 200")
def phantom(
    out: Annotated[
        Path, typer.Argument(help="Output folder: new, empty, or holding this same phantom set.")
    ],
    train: Annotated[int, typer.Option(min=4, help="Number of training images.")] = 400,
    test: Annotated[int, typer.Option(min=4, help="Number of test images.")] = 200,
    size: Annotated[int, typer.Option(min=32, max=512, help="Pixels.")] = 128,
    classes: Annotated[
        int,
        typer.Option(
            min=2, max=3, help="2: NUF, UF; 3: none, small, large, by the largest fibroid's size."
        ),
    ] = 2,
    seed: Seed = 0,
) -> None:
    """Simulate pelvic ultrasound with and without fibroids, labelled `phantom` everywhere."""
    from ufgen import phantom as simulator

    simulator.write_set(out, train, test, size, seed, classes=classes)
    simulator.write_sheet(out / "sheet.png", 16 * classes, size, seed, classes=classes)
    print(f"Simulated images (phantom): {out}\nSample sheet: {out / 'sheet.png'}")


@data.command(epilog="Example: ufgen data augmentations UF_dataset --policies light")
def augmentations(
    location: Data,
    out: Annotated[Path, typer.Option(help="The PNG to write, or a folder for it.")] = Path(
        "runs/augmentations.png"
    ),
    policies: Annotated[
        list[str] | None,
        typer.Option(help="A policy to show, such as mixup; may be repeated.  [default: all]"),
    ] = None,
    positive: Positive = None,
    negative: Negative = None,
    resolution: Resolution = 128,
    seed: Seed = 0,
) -> None:
    """Write a sheet of training images under each augmentation policy."""
    environment.import_keras()
    from classifiers.augmentation_sheet import write_sheet
    from classifiers.training.augmentation import POLICIES, check_policy
    from ufgen import backend
    from ufgen.images import image_set, positive_class

    left_out = {"none"} if backend.on_tensorflow() else {"none", "gridmask"}
    shown = policies or [name for name in POLICIES if name not in left_out]
    for name in shown:
        check_policy(name)
    images = positive_class.scan(location, positive, None, True, negative)
    image_set.report_left_out(images)
    positive_class.check(images)
    if "train" in set(images.table["split"]):
        images = images.split("train")
    out = out if out.suffix == ".png" else out / "augmentations.png"
    report_unreadable(write_sheet(out, images, shown, resolution, seed))
    print(f"Sheet: {out}")
