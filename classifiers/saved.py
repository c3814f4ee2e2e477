"""A trained classifier as a folder: model.json, weights, history, and what it was trained on."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from classifiers import calibration, explanations, metadata, metrics, precision
from classifiers.assessment import assess
from classifiers.batches import Examples
from classifiers.settings import Training, check_trial
from classifiers.training import Classifier
from ufgen import pixels, splits
from ufgen.atomic import check_replaceable, whole_folder
from ufgen.errors import UserError
from ufgen.imageset import ImageSet

FILES = ("model.json", "model.weights.h5", "images.csv")


@dataclass(frozen=True)
class SavedClassifier:
    """A classifier loaded from its folder, with all that it needs to read an image file."""

    network: Classifier
    about: dict
    trained_on: pd.DataFrame

    def predict_files(self, files: list[Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Columns path, probability (of the positive class), predicted; and the unreadable files.

        Raises UserError when no file can be read.
        """
        table = pd.DataFrame({"path": [str(Path(f).absolute()) for f in files]})
        table = table.assign(label="", split="", group="", source="real", sha256="")
        decoded = self._load(ImageSet(table, self.about["positive"]))
        made = decoded.images.table[["path"]].assign(
            probability=self.probabilities(decoded.store.take(decoded.images))
        )
        return made.assign(predicted=self._called(made["probability"])), decoded.quarantine

    def predict_pixels(self, shown: np.ndarray) -> np.ndarray:
        """Probability of the positive class, (N,), of uint8 (N, H, W, C) in any size."""
        return self.probabilities(self.resized(shown))

    def probabilities(self, shown: np.ndarray) -> np.ndarray:
        """Calibrated probabilities (N,) of uint8 (N, size, size, channels)."""
        return calibration.scale(self.network.predict(shown), self.about.get("temperature", 1.0))

    def resized(self, shown: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W, C) as this classifier takes them: uint8 (N, size, size, channels)."""
        size, channels = self.about["size"], self.about["channels"]
        return np.stack([pixels.resize(pixels.as_picture(i), size, channels) for i in shown])

    def evaluate(self, images: ImageSet) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Metrics with intervals (`assessment.assess`), predictions, and the unreadable files.

        Raises UserError if a picture was among the training or validation images, or if the
        classes differ.
        """
        expected = {self.about["positive"], self.about["negative"]}
        if not set(images.classes) <= expected:
            raise UserError(
                f"the images are of the classes {', '.join(images.classes)}; this model knows "
                f"{', '.join(sorted(expected))}"
            )
        decoded = self._load(images)
        splits.check_no_leak(self.trained_on, decoded.images, by="this model")
        target = decoded.images.targets()
        probability = self.probabilities(decoded.store.take(decoded.images))
        table = decoded.images.table
        found = assess(target, probability, table["group"], self.about["threshold"])
        made = table.assign(
            target=target, probability=probability, predicted=self._called(probability)
        )
        return found, made, decoded.quarantine

    def explain(self, predictions: pd.DataFrame, folder: Path) -> Path:
        """Draw the most telling of `predictions` (see `explanations.write`); returns the sheet."""
        decoded = self._load(ImageSet(predictions, self.about["positive"]))
        shown = decoded.store.take(decoded.images)
        network, threshold = self.network.parts, self.about["threshold"]
        return explanations.write(folder, network, predictions, shown, threshold)

    def _load(self, images: ImageSet) -> pixels.Decoded:
        return pixels.load(images, self.about["size"], self.about["channels"], self.about["fit"])

    def _called(self, probabilities) -> np.ndarray:
        positive = np.asarray(probabilities) >= self.about["threshold"]
        return np.where(positive, self.about["positive"], self.about["negative"])


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
    seed: int = 0,
    on_step=lambda: None,
) -> dict:
    """Train a classifier on `images` and write its folder `out`; returns what model.json says.

    A validation part is carved from the groups: it alone chooses the weights that are kept, the
    temperature and the threshold: Youden's, or the highest one with the wanted `sensitivity`.
    Raises UserError.
    """
    check_replaceable(out, FILES, "ufgen train")
    check_trial(training, weights, augmentation)
    splits.check_two_classes(images)
    decoded = pixels.load(images, size, channels, fit)
    images = decoded.images.select(np.argsort(decoded.images.table["sha256"], kind="stable"))
    held = splits.hold_out(images, validation_fraction, seed)

    def examples(part: ImageSet) -> Examples:
        return Examples(decoded.store.take(part), part.targets())

    validation = examples(images.select(held))
    chosen = precision.choose(training.precision, name, size, channels, training.batch)
    network = Classifier(name, size, channels, weights, chosen)
    history = network.fit(
        examples(images.select(~held)), validation, training, seed, augmentation, on_step
    )
    raw = network.predict(validation.pixels)
    temperature = calibration.fit_temperature(validation.targets, raw)
    probability = calibration.scale(raw, temperature)
    threshold = metrics.youden_threshold(validation.targets, probability)
    if sensitivity:
        threshold = metrics.sensitivity_threshold(validation.targets, probability, sensitivity)
    about = {
        "classifier": name,
        "size": size,
        "channels": channels,
        "fit": fit,
        "positive": images.positive,
        "negative": next(label for label in images.classes if label != images.positive),
        "threshold": threshold,
        "threshold_rule": f"sensitivity {sensitivity:g}" if sensitivity else "Youden",
        "temperature": temperature,
        "initial_weights": weights,
        "augmentation": augmentation,
        "seed": seed,
        "training": training.as_dict() | {"precision": chosen},
        "images": {"training": int((~held).sum()), "validation": int(held.sum())},
        "unreadable_files": len(decoded.quarantine),
        "validation_roc_auc": float(metrics.roc_auc(validation.targets, probability)),
    }
    with whole_folder(out) as temporary:
        network.model.save_weights(temporary / "model.weights.h5")
        history.to_csv(temporary / "history.csv", index=False)
        roles = np.where(held, "validation", "fit")
        images.table.assign(role=roles).to_csv(temporary / "images.csv", index=False)
        (temporary / "model.json").write_text(json.dumps(about, indent=1))
    return about


def load(folder: Path) -> SavedClassifier:
    """Rebuild a classifier that `train` wrote. Raises UserError if the folder is not one."""
    folder = Path(folder)
    missing = [file for file in FILES if not (folder / file).is_file()]
    if missing:
        raise UserError(
            f"{folder} is no trained classifier: {', '.join(missing)} is missing. Expected the "
            "folder that `ufgen train` wrote"
        )
    about = {"temperature": 1.0} | metadata.read_object(folder / "model.json")
    metadata.check(about, folder / "model.json")
    network = Classifier(str(about.get("classifier")), about["size"], about["channels"])
    try:
        network.model.load_weights(folder / "model.weights.h5")
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"{folder}/model.weights.h5 is damaged, or of another network: {reason[:300]}"
        ) from None
    try:
        trained_on = pd.read_csv(folder / "images.csv", dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{folder}/images.csv is damaged: {error}") from None
    if not {"path", "label", "sha256"} <= set(trained_on.columns):
        raise UserError(f"{folder}/images.csv is damaged: path, label or sha256 is missing")
    return SavedClassifier(network, about, trained_on)
