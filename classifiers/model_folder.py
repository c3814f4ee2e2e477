"""A trained classifier as a folder: model.json, weights, history, and what it was trained on."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from classifiers import model_metadata
from classifiers.ensemble import Ensemble
from classifiers.evaluation import calibration, metrics
from classifiers.evaluation.evaluation_report import assess
from classifiers.explanation import example_sheet
from classifiers.training import weight_selection
from classifiers.training.batches import Examples
from classifiers.training.settings import Training, check_trial
from classifiers.training.trainer import Classifier
from ufgen import precision
from ufgen.atomic import atomic_folder, check_replaceable
from ufgen.display import tensorboard
from ufgen.errors import UserError
from ufgen.images import grouping, pixel_store, splits
from ufgen.images.image_set import ImageSet, groups_by_pattern

FILES = ("model.json", "model.weights.h5", "images.csv")


@dataclass(frozen=True)
class SavedClassifier:
    """A classifier loaded from its folder, with all that it needs to read an image file.

    `trained_on` lists its images, whose paths start at `root`.
    """

    ensemble: Ensemble
    metadata: dict
    trained_on: pd.DataFrame
    root: Path = Path()

    @property
    def network(self) -> Classifier:
        """The first member of the ensemble, or the only one."""
        return self.ensemble.network

    def predict_files(self, files: list[Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Columns path, probability (of the positive class), threshold, predicted; and the
        unreadable files.

        Raises UserError when no file can be read.
        """
        table = pd.DataFrame({"path": [str(f) for f in files]})
        table = table.assign(label="", split="", group="", source="real", sha256="")
        decoded = self._load(ImageSet(table, self.metadata["positive"]))
        made = decoded.images.table[["path"]].assign(
            probability=self.probabilities(decoded.store.take(decoded.images))
        )
        return self._decided(made), decoded.quarantine

    def predict_pixels(self, shown: np.ndarray) -> np.ndarray:
        """Probability of the positive class, (N,), of uint8 (N, H, W, C) in any size."""
        return self.probabilities(self.resized(shown))

    def probabilities(self, shown: np.ndarray) -> np.ndarray:
        """Calibrated probabilities (N,) of uint8 (N, size, size, channels)."""
        return calibration.scale(self.ensemble.predict(shown), self.metadata["temperature"])

    def resized(self, shown: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W, C) as this classifier takes them: uint8 (N, size, size, channels)."""
        size, channels = self.metadata["size"], self.metadata["channels"]
        return np.stack(
            [pixel_store.resize(pixel_store.as_picture(i), size, channels) for i in shown]
        )

    def evaluate(
        self, images: ImageSet, group_pattern: str | None = None
    ) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Metrics with intervals (`assessment.assess`), predictions, and the unreadable files.

        Predictions are the rows of the images with target, probability (of the positive class),
        threshold and predicted.

        Raises UserError if a picture or a group was among the training or validation images (their
        groups as training knew them, and by `group_pattern`), or if the classes differ.
        """
        expected = {self.metadata["positive"], self.metadata["negative"]}
        if not set(images.classes) <= expected:
            raise UserError(
                f"the images are of the classes {', '.join(images.classes)}; this model knows "
                f"{', '.join(sorted(expected))}"
            )
        splits.check_real(images, "test")
        decoded = self._load(images)
        splits.check_no_leak(self.trained_on, decoded.images, by="this model")
        if group_pattern:
            groups = groups_by_pattern(self.trained_on["path"], group_pattern)
            seen = self.trained_on.assign(group=groups)
            splits.check_no_leak(seen, decoded.images, by="this model")
        target = decoded.images.targets()
        probability = self.probabilities(decoded.store.take(decoded.images))
        table = decoded.images.table
        found = assess(target, probability, table["group"], self.metadata["threshold"])
        made = self._decided(table.assign(target=target, probability=probability))
        return found, made, decoded.quarantine

    def is_constant(self, predictions: pd.DataFrame) -> bool:
        """Whether all of `predictions`, as `evaluate` returns them, have the same probability.

        Of images of one class a good network may say the same: then what its validation images
        got decides.
        """
        if predictions["target"].nunique() < 2:
            return self.metadata["constant"]
        return metrics.is_constant(predictions["probability"])

    def explain(self, predictions: pd.DataFrame, folder: Path, root: str = "") -> Path:
        """Draw the most telling of `predictions` (see `explanations.write`); returns the sheet.

        A network that gives all of them the same probability has no evidence: no map is drawn.
        What is written of them names files from the folder `root` on.
        """
        images = ImageSet(predictions, self.metadata["positive"], root)
        decoded = self._load(images)
        shown = decoded.store.take(decoded.images)
        explain = no_heatmaps if self.is_constant(predictions) else self.ensemble.explain
        return example_sheet.write(folder, explain, images.relative(), shown, images.positive)

    def _load(self, images: ImageSet) -> pixel_store.Decoded:
        return pixel_store.load(
            images, self.metadata["size"], self.metadata["channels"], self.metadata["fit"]
        )

    def _decided(self, scored: pd.DataFrame) -> pd.DataFrame:
        metadata = self.metadata
        positive = scored["probability"] >= metadata["threshold"]
        predicted = np.where(positive, metadata["positive"], metadata["negative"])
        return scored.assign(threshold=metadata["threshold"], predicted=predicted)


def no_heatmaps(pixels: np.ndarray, of_positive: bool) -> np.ndarray:
    """Maps (N, 1, 1) of zeros: what an `Ensemble.explain` of a constant network would show."""
    return np.zeros((len(pixels), 1, 1), "float32")


def named(predictions: pd.DataFrame, positive: str) -> pd.DataFrame:
    """Predictions for people: the column `probability` says of which class."""
    return predictions.rename(columns={"probability": f"probability_{positive}"})


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
    members: int = 1,
    seed: int = 0,
    on_step=lambda: None,
) -> dict:
    """Train a classifier on `images` and write its folder `out`; returns what model.json says.

    Groups of images are held out as validation images: they alone choose the weights that are
    kept, the temperature and the threshold: Youden's, or the highest one with the wanted
    `sensitivity`. model.json says whether they all get the same probability (`constant`), and how
    many members kept the weights of their first evaluation (`kept_first`). An ensemble of several
    `members` has the seeds from `seed` on. Raises UserError.
    """
    check_replaceable(out, FILES, "ufgen train")
    check_trial(training, weights, augmentation)
    splits.check_two_classes(images)
    splits.check_real(images, "training")
    chosen = precision.choose(training.precision, precision.of_classifier(name))
    network = Classifier(name, size, channels, weights, chosen)  # first: weights may be missing
    decoded = pixel_store.load(images, size, channels, fit)
    named = decoded.images.table.set_index("path")["group"]
    images = grouping.group_same_pictures(decoded.images)
    images = images.select(np.argsort(images.table["sha256"], kind="stable"))
    held = splits.hold_out(images, validation_fraction, seed)

    def examples(part: ImageSet) -> Examples:
        return Examples(decoded.store.take(part), part.targets())

    fitted, validation = examples(images.select(~held)), examples(images.select(held))
    histories, values = [], []
    for member in range(members):
        curves = tensorboard.Curves(f"classifiers/{Path(out).name}/member_{member + 1}")
        history = network.fit(
            fitted, validation, training, seed + member, augmentation, on_step, curves
        )
        curves.close()
        histories.append(history.assign(member=member + 1))
        values.append([np.array(variable) for variable in network.model.variables])
    ensemble = Ensemble(network, values, training.test_views)
    raw = ensemble.predict(validation.pixels)
    fit_to = calibration.fit(validation.targets, raw, sensitivity)
    metadata = {
        "classifier": name,
        "size": size,
        "channels": channels,
        "fit": fit,
        "positive": images.positive,
        "negative": next(label for label in images.classes if label != images.positive),
        "threshold": fit_to.threshold,
        "threshold_rule": f"sensitivity {sensitivity:g}" if sensitivity else "Youden",
        "temperature": fit_to.temperature,
        "members": members,
        "test_views": training.test_views,
        "initial_weights": weights,
        "augmentation": augmentation,
        "seed": seed,
        "training": training.as_dict() | {"precision": chosen},
        "images": {"training": int((~held).sum()), "validation": int(held.sum())},
        "root": Path(os.path.relpath(images.root or ".", out)).as_posix(),
        "unreadable_files": len(decoded.quarantine),
        "validation_roc_auc": float(metrics.roc_auc(validation.targets, raw)),
        "constant": metrics.is_constant(calibration.scale(raw, fit_to.temperature)),
        "kept_first": sum(map(weight_selection.kept_first, histories)),
    }
    with atomic_folder(out, keep_others=True) as temporary:
        for member in range(members):
            ensemble.hold(member)
            network.model.save_weights(temporary / _file(member))
        pd.concat(histories).to_csv(temporary / "history.csv", index=False)
        roles = np.where(held, "validation", "fit")
        kept = images.table.assign(role=roles, group=images.table["path"].map(named))
        images.relative(kept).to_csv(temporary / "images.csv", index=False)
        (temporary / "model.json").write_text(json.dumps(metadata, indent=1))
    return metadata


def load(folder: Path) -> SavedClassifier:
    """Rebuild a classifier that `train` wrote. Raises UserError if the folder is not one."""
    folder = Path(folder)
    missing = [file for file in FILES if not (folder / file).is_file()]
    if missing:
        raise UserError(
            f"{folder} is no trained classifier: {', '.join(missing)} is missing. Expected the "
            "folder that `ufgen train` wrote"
        )
    older = {"temperature": 1.0, "members": 1, "test_views": 0, "root": ".", "constant": False}
    metadata = older | model_metadata.read_object(folder / "model.json")
    model_metadata.check(metadata, folder / "model.json", model_metadata.MODEL_FIELDS)
    network = Classifier(str(metadata.get("classifier")), metadata["size"], metadata["channels"])
    members = [_read(network, folder / _file(number)) for number in range(metadata["members"])]
    try:
        trained_on = pd.read_csv(folder / "images.csv", dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{folder}/images.csv is damaged: {error}") from None
    if not {"path", "label", "sha256"} <= set(trained_on.columns):
        raise UserError(f"{folder}/images.csv is damaged: path, label or sha256 is missing")
    ensemble = Ensemble(network, members, metadata["test_views"])
    return SavedClassifier(ensemble, metadata, trained_on, folder / str(metadata["root"]))


def _file(member: int) -> str:
    """The weights of a member, counted from 0."""
    return f"member_{member + 1}.weights.h5" if member else "model.weights.h5"


def _read(network: Classifier, file: Path) -> list[np.ndarray]:
    try:
        network.model.load_weights(file)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"{file} is damaged, or of another network: {reason[:300]}") from None
    return [np.array(variable) for variable in network.model.variables]
