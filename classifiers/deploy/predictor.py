"""Prediction with an exported classifier: needs only numpy, Pillow and the bundle's runtime."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from classifiers import model_metadata
from classifiers.evaluation import prediction_text
from classifiers.explanation.saliency_box import Box, salient_box
from ufgen import environment
from ufgen.errors import UserError
from ufgen.images.decoding import decode, resize

FORMAT_VERSION = 1
NETWORK_FILES = {"litert": "model.tflite", "onnx": "model.onnx", "keras": "model.weights.h5"}
LOGIT_RANGE = -87.5, 16.6
"""The logits of the float32 probabilities that the temperature was fitted on."""


class Prediction(NamedTuple):
    """A prediction for one image.

    Attributes:
        probability: Calibrated, of the class `positive`, whatever the `label`, in 0..1.
        label: The predicted class: `positive` where the probability is at least `threshold`.
        box: Around the salient region for the positive class, (x0, y0, x1, y1) as fractions of the
            image's width and height; None for the negative class, or without a region.
        heatmap: Grad-CAM for the positive class, float32 (h, w), 0 or more, over the part of the
            image that the network saw.
        positive: Name of the positive class.
        threshold: Of the bundle.
    """

    probability: float
    label: str
    box: Box | None
    heatmap: np.ndarray
    positive: str
    threshold: float

    def text(self, arrow: str = "→") -> str:
        """Format probability, predicted class and threshold on one line.

        Args:
            arrow: What stands before the predicted class.

        Returns:
            Such as P(UF) = 0.14 → NUF (threshold 0.39).
        """
        return prediction_text.text(
            self.probability, self.positive, self.label, self.threshold, arrow
        )


class Predictor:
    """A bundle that `ufgen export` wrote, ready to predict. Not thread-safe.

    The bundle's hashes reveal damage, not origin: use bundles from people you trust.

    Args:
        folder: The bundle.
        threads: CPU threads of LiteRT and ONNX Runtime.

    Attributes:
        metadata: The content of bundle.json.
        shape: Of the network's input: (size, size, channels).

    Raises:
        UserError: If the folder is not a bundle, a file was changed or damaged, or the runtime is
            not installed.

    Example:
        >>> predictor = Predictor("bundles/first")  # doctest: +SKIP
        >>> print(predictor.predict("image.png").text())  # doctest: +SKIP
        P(UF) = 0.83 → UF (threshold 0.41)
    """

    def __init__(self, folder: str | Path, threads: int = 2) -> None:
        folder = Path(folder)
        self.metadata = _read(folder)
        expected = self.metadata["input"]
        self.shape = (expected["size"], expected["size"], expected["channels"])
        file = folder / NETWORK_FILES[self.metadata["runtime"]]
        open_network = {"litert": _litert, "onnx": _onnx, "keras": _keras}[self.metadata["runtime"]]
        try:
            self._network = open_network(file, threads, self.metadata)
            logit, heatmap = self.raw_outputs(np.zeros(self.shape, np.uint8))
        except ModuleNotFoundError as error:
            raise UserError(
                f"{folder} needs {error.name}, which is not installed: pip install 'ufgen[deploy]'"
            ) from None
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"{file} cannot be run: {str(error)[:300]}") from None
        if heatmap.ndim != 2 or not np.isfinite(logit):
            raise UserError(f"{file} is not the network that {folder}/bundle.json describes")

    def predict(self, image: str | Path | np.ndarray) -> Prediction:
        """Predict one image.

        Args:
            image: A file, or uint8 (H, W) gray or (H, W, 3) RGB.

        Returns:
            The prediction; its box refers to the image after the rotation by its EXIF data.

        Raises:
            UserError: If the file cannot be read, or the array is of another type or shape.
        """
        picture = decode(image) if isinstance(image, str | Path) else _checked(image)
        expected = self.metadata["input"]
        pixels = resize(picture, expected["size"], expected["channels"], expected["fit"])
        logit, heatmap = self.raw_outputs(pixels)
        if self.constant:
            heatmap = np.zeros_like(heatmap)
        probability, threshold = self.calibrated(logit), self.metadata["threshold"]
        positive, negative = (self.metadata["labels"][c] for c in ("positive", "negative"))
        box = None
        if probability >= threshold:
            box = _in_picture(salient_box(heatmap), picture.shape, expected["fit"])
        label = positive if probability >= threshold else negative
        return Prediction(probability, label, box, heatmap, positive, threshold)

    @property
    def constant(self) -> bool:
        """Whether the network gives all images the same probability; then heatmaps are zero.

        `ufgen export` refuses such a network without --allow-constant.
        """
        return bool(self.metadata.get("constant", False))

    def calibrated(self, logit: float) -> float:
        """Turn a logit into a calibrated probability.

        Args:
            logit: As `raw_outputs` returns it.

        Returns:
            The probability of the positive class, in 0..1.
        """
        return float(1 / (1 + np.exp(-np.clip(logit, *LOGIT_RANGE) / self.metadata["temperature"])))

    def raw_outputs(self, pixels: np.ndarray) -> tuple[float, np.ndarray]:
        """Run the network on one image.

        Args:
            pixels: uint8 (size, size, channels).

        Returns:
            The logit, not calibrated, and the heatmap, float32 (h, w).
        """
        logit, heatmap = self._network(np.asarray(pixels, "float32")[None])
        return float(np.asarray(logit).reshape(())), np.asarray(heatmap, "float32")[0]


def _read(folder: Path) -> dict:
    """The content of bundle.json, after a check of its fields and of the hashes of files."""
    file = folder / "bundle.json"
    if not file.is_file():
        raise UserError(
            f"{folder} is no bundle: bundle.json is missing. Expected the folder that "
            "`ufgen export` wrote"
        )
    metadata = model_metadata.read_object(file)
    if metadata.get("format_version") != FORMAT_VERSION:
        raise UserError(
            f"{file} has the format version {str(metadata.get('format_version'))[:20]}, this ufgen "
            f"reads {FORMAT_VERSION}: export the model again"
        )
    if metadata.get("runtime") not in tuple(NETWORK_FILES):
        raise UserError(f"{file} is damaged: runtime is {str(metadata.get('runtime'))[:60]!r}")
    labels, inputs, hashes = (metadata.get(name) for name in ("labels", "input", "sha256"))
    if not (isinstance(labels, dict) and isinstance(inputs, dict) and isinstance(hashes, dict)):
        raise UserError(f"{file} is damaged: labels, input or sha256 is missing")
    numbers = {name: metadata.get(name) for name in ("threshold", "temperature")}
    model_metadata.check({**labels, **inputs, **numbers}, file)
    for name in (NETWORK_FILES[metadata["runtime"]], *hashes):
        if Path(name).name != name or not (folder / name).is_file():
            raise UserError(f"{file} names {name[:60]!r}: there is no such file in {folder}")
        with (folder / name).open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest != hashes.get(name):
            raise UserError(
                f"{folder / name} is not the file that was exported: its SHA-256 differs from "
                "bundle.json's. Copy the bundle again"
            )
    return metadata


def _checked(image: np.ndarray) -> np.ndarray:
    if (
        not isinstance(image, np.ndarray)
        or image.dtype != np.uint8
        or image.size == 0
        or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3))
    ):
        dtype, shape = getattr(image, "dtype", type(image).__name__), getattr(image, "shape", "")
        raise UserError(
            f"the image is {dtype} {shape}: expected a path, or uint8 (H, W) or (H, W, 3)"
        )
    return image


def _in_picture(box: Box | None, shape: tuple[int, ...], fit: str) -> Box | None:
    """A box in fractions of the square that the network saw, in fractions of the whole image."""
    if box is None:
        return None
    height, width = shape[:2]
    side = min(width, height) if fit == "crop" else max(width, height)
    x0, y0, x1, y1 = (
        min(max((edge * side + (length - side) / 2) / length, 0.0), 1.0)
        for edge, length in zip(box, (width, height) * 2, strict=True)
    )
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _litert(file: Path, threads: int, metadata: dict) -> Callable:
    from ai_edge_litert.interpreter import Interpreter

    with environment.silence():  # it announces its delegate
        interpreter = Interpreter(model_path=str(file), num_threads=threads)
        interpreter.allocate_tensors()
        run = interpreter.get_signature_runner()
    _check_input([d["shape"] for d in run.get_input_details().values()], file, metadata)

    def network(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = run(images=images)
        return outputs["logit"], outputs["evidence"]  # the heatmap, by its name in the format

    return network


def _onnx(file: Path, threads: int, metadata: dict) -> Callable:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        file.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    _check_input([i.shape for i in session.get_inputs()], file, metadata)
    return lambda images: session.run(["logit", "evidence"], {"images": images})


def _keras(file: Path, threads: int, metadata: dict) -> Callable:
    environment.import_keras()
    from classifiers import registry
    from classifiers.deploy import conversion

    expected = metadata["input"]
    network = registry.build(metadata["classifier"], expected["size"], expected["channels"])
    network.model.load_weights(file)
    return conversion.with_logit(network).predict_on_batch


def _check_input(shapes: list[Any], file: Path, metadata: dict) -> None:
    size, channels = metadata["input"]["size"], metadata["input"]["channels"]
    if [list(shape) for shape in shapes] != [[1, size, size, channels]]:
        raise UserError(f"{file} takes {shapes}: bundle.json says {[1, size, size, channels]}")
