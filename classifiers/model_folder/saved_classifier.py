"""A trained classifier in use: predictions, evaluation, explanations."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from classifiers.ensemble import Ensemble
from classifiers.evaluation import calibration, metrics
from classifiers.evaluation.evaluation_report import assess
from classifiers.explanation import example_sheet
from classifiers.training.trainer import Classifier
from ufgen.errors import UserError
from ufgen.images import pixel_store, splits
from ufgen.images.grouping import groups_by_pattern
from ufgen.images.image_set import ImageSet


@dataclass(frozen=True)
class SavedClassifier:
    """A classifier loaded from its folder, with all it needs to predict image files.

    Attributes:
        ensemble: One network, or several that are averaged.
        metadata: The content of model.json.
        trained_on: Its training and validation images; their paths are relative to `root`.
        root: The folder of these images at training time.
    """

    ensemble: Ensemble
    metadata: dict
    trained_on: pd.DataFrame
    root: Path = Path()

    @property
    def network(self) -> Classifier:
        """The first member of the ensemble, or the only one."""
        return self.ensemble.network

    @property
    def classes(self) -> set[str]:
        """The classes that it was trained on: the positive one, and one or more others."""
        return set(self.trained_on["label"])

    def predict_files(self, files: list[Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Predict image files.

        Args:
            files: Paths of images.

        Returns:
            Predictions with the columns path, probability (of the positive class), threshold and
            predicted; and the unreadable files with the reason.

        Raises:
            UserError: If no file can be read.
        """
        table = pd.DataFrame({"path": [str(f) for f in files]})
        table = table.assign(label="", split="", group="", source="real", sha256="")
        decoded = self._load(ImageSet(table, self.metadata["positive"]))
        predictions = decoded.images.table[["path"]].assign(
            probability=self.probabilities(decoded.store.take(decoded.images))
        )
        return self._with_classes(predictions), decoded.quarantine

    def predict_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Predict images of any size; what is not square is center-cropped (`resized`).

        Args:
            pixels: uint8 (N, H, W, C).

        Returns:
            Calibrated probabilities of the positive class, (N,).
        """
        return self.probabilities(self.resized(pixels))

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """Predict images of the network's size.

        Args:
            pixels: uint8 (N, size, size, channels).

        Returns:
            Calibrated probabilities of the positive class, (N,).
        """
        return calibration.scale(self.ensemble.predict(pixels), self.metadata["temperature"])

    def resized(self, pixels: np.ndarray) -> np.ndarray:
        """Bring images to the network's size and channels.

        Images that are not square are center-cropped, whatever `fit` model.json names; generated
        images, and others that are working images already, are square.

        Args:
            pixels: uint8 (N, H, W, C).

        Returns:
            uint8 (N, size, size, channels).
        """
        size, channels = self.metadata["size"], self.metadata["channels"]
        return np.stack(
            [pixel_store.resize(pixel_store.as_picture(image), size, channels) for image in pixels]
        )

    def evaluate(
        self, images: ImageSet, group_pattern: str | None = None
    ) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Evaluate on images it was not trained on.

        Args:
            images: Labelled test images.
            group_pattern: Regular expression that gives the groups of the training images, too,
                beside those recorded at training time.

        Returns:
            Metrics with intervals, as `evaluation_report.assess` returns them; predictions: the
            rows of the images with target, probability (of the positive class), threshold and
            predicted; and the unreadable files with the reason.

        Raises:
            UserError: If an image or a group was among the training or validation images, if an
                image is synthetic, or if the classes differ.
        """
        if not set(images.classes) <= self.classes:
            raise UserError(
                f"the images are of the classes {', '.join(images.classes)}; this model was "
                f"trained on {', '.join(sorted(self.classes))}. If others are to be left out, name "
                "the class to tell from with --negative"
            )
        splits.check_real(images, "test")
        decoded = self._load(images)
        splits.check_no_leak(self.trained_on, decoded.images, by="this model")
        if group_pattern:
            groups = groups_by_pattern(self.trained_on["path"], group_pattern)
            trained_on = self.trained_on.assign(group=groups)
            splits.check_no_leak(trained_on, decoded.images, by="this model")
        target = decoded.images.targets()
        probability = self.probabilities(decoded.store.take(decoded.images))
        table = decoded.images.table
        scores = assess(target, probability, table["group"], self.metadata["threshold"])
        predictions = self._with_classes(table.assign(target=target, probability=probability))
        return scores, predictions, decoded.quarantine

    def is_constant(self, predictions: pd.DataFrame) -> bool:
        """Whether the classifier gives all images the same probability.

        Args:
            predictions: As `evaluate` returns them.

        Returns:
            Whether these have the same probability; where they are of a single class, for which
            that is possible by chance, whether the validation images had.
        """
        if predictions["target"].nunique() < 2:
            return self.metadata["constant"]
        return metrics.is_constant(predictions["probability"])

    def explain(self, predictions: pd.DataFrame, folder: Path, root: str = "") -> Path:
        """Draw heatmaps of the most informative predictions (see `example_sheet.write`).

        No heatmap is drawn if the classifier gives all images the same probability.

        Args:
            predictions: As `evaluate` returns them.
            folder: Where to write.
            root: Folder to which paths in the written table are relative.

        Returns:
            The path of the sheet.
        """
        positive = self.metadata["positive"]
        images = ImageSet(predictions, positive, root)
        decoded = self._load(images)
        pixels = decoded.store.take(decoded.images)
        explain = zero_heatmaps if self.is_constant(predictions) else self.ensemble.explain
        return example_sheet.write(folder, explain, images.relative(), pixels, positive)

    def _load(self, images: ImageSet) -> pixel_store.Decoded:
        return pixel_store.load(
            images, self.metadata["size"], self.metadata["channels"], self.metadata["fit"]
        )

    def _with_classes(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """Predictions with the columns threshold and predicted."""
        metadata = self.metadata
        positive = predictions["probability"] >= metadata["threshold"]
        predicted = np.where(positive, metadata["positive"], metadata["negative"])
        return predictions.assign(threshold=metadata["threshold"], predicted=predicted)


def zero_heatmaps(pixels: np.ndarray, of_positive: bool) -> np.ndarray:
    """Heatmaps of zeros, in place of `Ensemble.explain` for a network with constant output.

    Args:
        pixels: (N, ...).
        of_positive: Not used.

    Returns:
        float32 (N, 1, 1).
    """
    return np.zeros((len(pixels), 1, 1), "float32")


def name_probability_column(predictions: pd.DataFrame, positive: str) -> pd.DataFrame:
    """Rename the column probability after the class whose probability it is.

    Args:
        predictions: With a column probability.
        positive: Name of the positive class.

    Returns:
        The predictions with a column probability_POSITIVE.
    """
    return predictions.rename(columns={"probability": f"probability_{positive}"})
