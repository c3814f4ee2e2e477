"""What an image set is made of: classes, splits, groups, sources, image sizes and colour."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ufgen.audit.findings import Exhibit, Finding
from ufgen.audit.measurements import Measurements
from ufgen.images.image_set import UNNAMED, count_table

FEW_GROUPS = 30
RARE, UNCOMMON = 0.1, 0.25  # fractions of the images
TEST_SHARE = (0.1, 0.6)
PERMUTATIONS = 1000
COLOURED = 0.001  # the fraction of its pixels that makes an image one in colour


def findings(measurements: Measurements) -> list[Finding]:
    """Find what is missing, rare or unevenly distributed in an image set.

    Args:
        measurements: Measured images, with the columns width, height and colour.

    Returns:
        Findings named missing-classes, missing-splits, synthetic-images, class-imbalance,
        few-groups, test-share, prevalence-differs, mixed-groups, mixed-resolutions and
        mixed-colour.
    """
    images = measurements.images.table
    return [
        *_missing(measurements),
        *_synthetic(images),
        *_balance(measurements),
        *_splits(images),
        *_mixed_groups(images),
        *_resolutions(measurements),
        *_colours(measurements),
    ]


def _missing(measurements: Measurements) -> Iterator[Finding]:
    """Classes that a split has none of, and splits that there are not."""
    images = measurements.images.table
    counts = pd.crosstab(images["label"], images["split"])
    classes = sorted({*counts.index, *measurements.quarantine.get("label", [])})
    counts = counts.reindex(classes, fill_value=0)
    absent = [(split, label) for split in counts for label in classes if not counts[split][label]]
    if len(classes) < 2 or absent:
        named = ", ".join(f"{label} in {split or 'the set'}" for split, label in absent)
        yield Finding(
            "missing-classes",
            "error",
            f"A class is missing: {named}" if absent else f"There is one class only: {classes[0]}",
            max(len(absent), 1),
            "A classifier can be neither trained nor tested on one class alone.",
            "Add images of that class, or split again with `ufgen data split`",
            counts.reset_index(),
        )
    splits = set(images["split"])
    if splits == {""}:
        yield Finding(
            "missing-splits",
            "note",
            "The images are not split into training and test images",
            len(images),
            "A study needs test images that no training sees; cross-validation makes its own.",
            "`ufgen data split FOLDER --out split.csv`",
        )
    elif splits != {"train", "test"}:
        unsplit = int((images["split"] == "").sum())
        lacking = ", ".join(sorted({"train", "test"} - splits))
        yield Finding(
            "missing-splits",
            "error",
            f"{unsplit} images have no split" if unsplit else f"There are no {lacking} images",
            unsplit or len(images),
            "A study needs training images, and test images that no training sees.",
            "`ufgen data split FOLDER --out split.csv`",
            images[images["split"] == ""][["path", "label"]].reset_index(drop=True),
        )


def _synthetic(images: pd.DataFrame) -> Iterator[Finding]:
    synthetic = images["source"] == "synthetic"
    if synthetic.any() and not synthetic.all():
        table = images[synthetic][["path", "label", "split"]].reset_index(drop=True)
        yield Finding(
            "synthetic-images",
            "error",
            f"{len(table)} images among the real ones are synthetic",
            len(table),
            "A generator would be trained on images of a generator, and test images that are not "
            "real say nothing about patients.",
            "`ufgen data prepare FOLDER --drop LIST --out prepared`",
            table,
            [Exhibit(list(table["path"].head(4)), "synthetic images")],
        )


def _balance(measurements: Measurements) -> Iterator[Finding]:
    """A rare class, and one of few groups."""
    images = measurements.images.table
    table = count_table(measurements.images)
    shares = images["label"].value_counts(normalize=True)
    if len(shares) < 2:
        return
    rarest, share = str(shares.index[-1]), float(shares.iloc[-1])
    if share < min(UNCOMMON, 0.5 / (len(shares) - 1)):
        yield Finding(
            "class-imbalance",
            "warning" if share < RARE else "note",
            f"{share:.1%} of the images are of the class {rarest}",
            share,
            "Accuracy is high for whoever always says the frequent class: look at the area under "
            "the ROC curve, sensitivity and specificity. The rare class alone decides how wide "
            "their intervals are.",
            "",
            table,
        )
    groups = images.groupby("label")["group"].nunique().sort_values(kind="stable")
    fewest, count = str(groups.index[0]), int(groups.iloc[0])
    if count < FEW_GROUPS:
        others = int(groups.iloc[1:].sum())
        half_width = 1.96 * _auc_error(0.8, count, others)
        yield Finding(
            "few-groups",
            "warning",
            f"The class {fewest} has {count} group{'' if count == 1 else 's'} only",
            count,
            f"Images of one group are no independent evidence. With {count} groups an area under "
            f"the ROC curve of 0.80 is known to within {half_width:.2f} at best, if each group is "
            "tested once (Hanley and McNeil, 1982): most differences between classifiers are "
            "smaller.",
            "Collect more patients, or use cross-validation and expect an inconclusive verdict",
            table,
        )


def _auc_error(auc: float, positives: int, negatives: int) -> float:
    """The standard error of an area under the ROC curve (Hanley and McNeil, 1982)."""
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (first - auc**2)
    variance += (negatives - 1) * (second - auc**2)
    return float(np.sqrt(variance / max(positives * negatives, 1)))


def _splits(images: pd.DataFrame) -> Iterator[Finding]:
    """The share of test images, and prevalences that differ between the splits."""
    if set(images["split"]) != {"train", "test"}:
        return
    test = (images["split"] == "test").to_numpy()
    share = float(test.mean())
    if not TEST_SHARE[0] <= share <= TEST_SHARE[1]:
        yield Finding(
            "test-share",
            "note",
            f"{share:.1%} of the images are test images",
            share,
            "With few test images intervals are wide; with most images in the test set little is "
            "left to train on.",
        )
    counts = pd.crosstab([images["group"], images["split"]], images["label"])
    of_test = (counts.index.get_level_values("split") == "test").astype(float)
    values = counts.to_numpy(float)
    rng = np.random.default_rng(0)
    draws = np.stack([of_test, *(rng.permutation(of_test) for _ in range(PERMUTATIONS))])
    tested, trained = draws @ values, (1 - draws) @ values
    tested /= tested.sum(axis=1, keepdims=True)
    trained /= trained.sum(axis=1, keepdims=True)
    differences = np.abs(tested - trained).max(axis=1)
    p_value = float((differences >= differences[0] - 1e-12).mean())
    if p_value < 0.005 and differences[0] >= 0.1:
        worst = int(np.abs(tested[0] - trained[0]).argmax())
        yield Finding(
            "prevalence-differs",
            "warning",
            f"{counts.columns[worst]} makes up {trained[0, worst]:.0%} of the training images and "
            f"{tested[0, worst]:.0%} of the test images",
            float(differences[0]),
            f"More than chance explains (p = {p_value:.3f}, permuting whole groups). Thresholds "
            "and probabilities that fit the training images do not fit the test images.",
            "Split again with `ufgen data split`, unless the difference is meant",
            pd.crosstab(images["split"], images["label"]).reset_index(),
        )


def _mixed_groups(images: pd.DataFrame) -> Iterator[Finding]:
    labels = images.groupby("group")["label"].transform("nunique")
    mixed = images[(labels > 1) & ~images["group"].str.startswith(UNNAMED)]
    if len(mixed):
        groups = mixed["group"].nunique()
        yield Finding(
            "mixed-groups",
            "note",
            f"{groups} group{' holds' if groups == 1 else 's hold'} images of more than one class",
            groups,
            "That may be right, as for images with and without the lesion of one patient. Where "
            "the label belongs to the patient, some of these labels are wrong.",
            "",
            mixed[["path", "label", "split", "group"]].sort_values("group", ignore_index=True),
        )


def _resolutions(measurements: Measurements) -> Iterator[Finding]:
    """Image sizes: a note where there are several, a warning where they go with split or label."""
    table, images = measurements.table.reset_index(drop=True), measurements.images.table
    sizes = table["width"].astype(int).astype(str) + "x" + table["height"].astype(int).astype(str)
    counts = sizes.value_counts()
    if len(counts) < 2:
        return
    octaves = np.round(np.log2(np.sqrt(table["width"] * table["height"]))).astype(int)
    kind = sizes.where(sizes.map(counts) >= 0.05 * len(sizes), "about 2^" + octaves.astype(str))
    tied = [name for name in ("split", "label") if _associated(kind, images[name], images["group"])]
    columns = [kind.rename("size"), images["split"], images["label"]]
    by = pd.concat(columns, axis=1).value_counts().rename("images").reset_index()
    yield Finding(
        "mixed-resolutions",
        "warning" if tied else "note",
        f"The images have {len(counts)} different sizes"
        + (f", which go with the {' and the '.join(tied)}" if tied else ""),
        len(counts),
        "Resizing leaves traces of the original size in the texture. Where sizes go with a class, "
        "a network can tell the classes by them; where they go with a split, the test images are "
        "of another kind than the training images. Each group counts once, with its most frequent "
        "size.",
        "Look at where the sizes come from; export all images at one size, or split again with "
        "`ufgen data split`"
        if tied
        else "",
        by.sort_values(["size", "split", "label"], ignore_index=True),
    )


def _associated(kind: pd.Series, other: pd.Series, groups: pd.Series) -> bool:
    """Whether two columns go together, each group counted once: Cramer's V and chi-squared."""
    from scipy.stats import chi2_contingency

    first = pd.DataFrame({"kind": kind.to_numpy(), "other": other.to_numpy()})
    modes = first.groupby(groups.to_numpy()).agg(lambda values: values.mode().iloc[0])
    counts = pd.crosstab(modes["kind"], modes["other"])
    if min(counts.shape) < 2:
        return False
    test = chi2_contingency(counts, correction=False)
    strength = np.sqrt(test.statistic / (len(modes) * (min(counts.shape) - 1)))
    return bool(test.pvalue < 1e-4 and strength >= 0.3)


def _colours(measurements: Measurements) -> Iterator[Finding]:
    coloured = measurements.table["colour"].to_numpy(float) > COLOURED
    if not coloured.any() or coloured.all():
        return
    table = measurements.images.table[coloured][["path", "label", "split"]]
    exhibit = Exhibit(list(table["path"].iloc[:4]), "images in colour")
    yield Finding(
        "mixed-colour",
        "note",
        f"{int(coloured.sum())} of {len(coloured)} images are in colour, the others grey",
        int(coloured.sum()),
        "Such as colour Doppler frames among grey ones. As grey values their colours are patterns "
        "that the other images do not have.",
        "",
        table.assign(value=measurements.table["colour"][coloured]).reset_index(drop=True),
        [exhibit],
    )
