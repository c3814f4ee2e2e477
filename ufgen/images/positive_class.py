"""The positive class: which one a classifier tells from the rest, and what the rest is called."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from ufgen.errors import UserError
from ufgen.images import image_set
from ufgen.images.image_set import ImageSet

DEFAULT = "UF"
EACH = "each"


def scan(
    location: Path | str,
    positive: str | None = None,
    group_pattern: str | None = None,
    allow_ungrouped: bool = False,
    negative: str | None = None,
) -> ImageSet:
    """Read an image set with its positive class (see `image_set.scan`).

    Args:
        location: Folder or manifest.
        positive: The positive class; by default UF, where it is one of two classes.
        group_pattern: Regular expression for the patient groups.
        allow_ungrouped: Let images without a group lie beside others with one.
        negative: The class that the positive one is told from, where images of others are to be
            left out; by default all others.

    Returns:
        The images; their positive class is None where none is named and none is the default.

    Raises:
        UserError: Where the images or their groups cannot be determined, or the positive or
            the negative class is not among the classes.
    """
    named = positive is not None
    images = image_set.scan(location, positive, group_pattern, named, allow_ungrouped)
    if not named and len(images.classes) == 2 and DEFAULT in images.classes:
        images = replace(images, positive=DEFAULT)
    return images if negative is None else against(images, negative)


def against(images: ImageSet, negative: str) -> ImageSet:
    """Leave out all classes but the positive and one other.

    Args:
        images: Images with a positive class.
        negative: The other class.

    Returns:
        The images of these two classes; the others are among `left_out`.

    Raises:
        UserError: Where there is no positive class, or `negative` is not another class.
    """
    if images.positive is None:
        raise UserError(
            f"the negative class is {negative}, but none is the positive one: name both, such as "
            f"--positive {next(c for c in reversed(images.classes) if c != negative)} --negative "
            f"{negative} (in a study, images: positive and negative)"
        )
    if negative not in rest(images):
        raise UserError(
            f"the negative class {negative!r} is not among {', '.join(rest(images))}, the classes "
            f"beside the positive one, {images.positive}"
        )
    used = images.table["label"].isin([images.positive, negative]).to_numpy()
    others = images.table[~used]
    reasons = "image of " + others["label"]
    left_out = pd.concat(
        [images.left_out, others[["path"]].assign(reason=reasons)], ignore_index=True
    )
    return replace(images.select(used), left_out=left_out)


def each(location: Path | str, group_pattern: str | None, allow_ungrouped: bool) -> list[str]:
    """List the classes of an image set, each of which is to be told from the rest.

    Args:
        location: Folder or manifest.
        group_pattern: Regular expression for the patient groups.
        allow_ungrouped: Let images without a group lie beside others with one.

    Returns:
        Three labels or more, sorted; "each" alone where a class has this name.

    Raises:
        UserError: Where the images cannot be determined, or have fewer than three classes.
    """
    classes = image_set.scan(location, None, group_pattern, False, allow_ungrouped).classes
    if EACH in classes:
        return [EACH]
    if len(classes) < 3:
        raise UserError(
            f"the positive class is {EACH!r}, but {location} has the classes {', '.join(classes)}: "
            "expected three or more, each to be told from the rest; of two name one"
        )
    return classes


def check(images: ImageSet) -> None:
    """Check that there is a positive class, and another one.

    Args:
        images: The images that a classifier is trained on.

    Raises:
        UserError: Where there is a single class, or none is the positive one.
    """
    counts = images.table["label"].value_counts().sort_index()
    found = ", ".join(f"{label} ({count} images)" for label, count in counts.items())
    if len(counts) == 1:
        raise UserError(
            f"found one class, {found}: a classifier tells one class from others. Expected two "
            "classes or more"
        )
    if images.positive is None:
        raise UserError(
            f"which class is the positive one, to be told from the rest? Found {found}. Pass for "
            f"example --positive {counts.index[-1]} (in a study, images: positive)"
        )


def check_same_classes(train: ImageSet, other: ImageSet, name: str) -> None:
    """Check that another split holds the classes of the training images, and no others.

    Args:
        train: Training images.
        other: The images of the other split.
        name: Its name: "validation" or "test".

    Raises:
        UserError: Where a class has images in one of them only.
    """
    if odd := sorted(set(train.classes) ^ set(other.classes)):
        side, where = (train, "train") if odd[0] in train.classes else (other, name)
        example = side.table[side.table["label"] == odd[0]].iloc[0]
        joined = ", or let validation images join train (--join-validation)"
        raise UserError(
            f"the class {odd[0]} has images in {where} only (such as {example['path']}): "
            f"train and {name} must hold the same classes{joined if name == 'validation' else ''}"
        )


def negative(images: ImageSet) -> str:
    """Name what is not of the positive class.

    Args:
        images: Images of all classes.

    Returns:
        The other class where there is one, or else "not POSITIVE".
    """
    others = rest(images)
    return others[0] if len(others) == 1 else f"not {images.positive}"


def rest(images: ImageSet) -> list[str]:
    """List the classes that the positive one is told from.

    Args:
        images: Images of all classes.

    Returns:
        Their labels, sorted.
    """
    return [label for label in images.classes if label != images.positive]
