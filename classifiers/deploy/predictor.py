"""An exported classifier in anybody's program: needs numpy, Pillow and its runtime alone."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from classifiers import model_metadata
from classifiers.evaluation import prediction_text
from classifiers.explanation.saliency_box import salient_box
from ufgen import environment
from ufgen.errors import UserError
from ufgen.images.decoding import decode, resize

VERSION = 1
NETWORK_FILES = {"litert": "model.tflite", "onnx": "model.onnx", "keras": "model.weights.h5"}
LOGITS = -87.5, 16.6
"""Calibration sees float32 probabilities, whose logits end here."""


class Prediction(NamedTuple):
    """What a classifier says of one image.

    `probability` that it is `positive`, calibrated, in 0..1, whatever the `label`, which is the
    class that is predicted: `positive` where the probability is at least the bundle's `threshold`.
    `box`: where the evidence for the positive class lies, (x0, y0, x1, y1) in shares of the width
    and height of the image, or None; `heatmaps`: float32 (h, w), 0 or more, over the part of the
    image that the network saw. `text()` says it in words: P(UF) = 0.14 → NUF (threshold 0.39).
    """

    probability: float
    label: str
    box: tuple[float, float, float, float] | None
    heatmaps: np.ndarray
    positive: str
    threshold: float

    def text(self, arrow: str = "→") -> str:
        """Probability with the name of its class, prediction and threshold, on one line."""
        return prediction_text.text(
            self.probability, self.positive, self.label, self.threshold, arrow
        )


class Predictor:
    """A bundle that `ufgen export` wrote, ready to predict. One object serves one thread.

    `metadata` is what bundle.json says; `constant` whether its network gives all images the same
    probability (such a bundle was exported with --allow-constant, and shows no evidence). Raises
    UserError if the folder is no bundle, if its network was changed or damaged, or if the runtime
    is not installed. The hashes show damage, not origin: take bundles from people you trust.
    """

    def __init__(self, folder: str | Path, threads: int = 2):
        folder = Path(folder)
        self.metadata = _read(folder)
        shown = self.metadata["input"]
        self.shape = (shown["size"], shown["size"], shown["channels"])
        file = folder / NETWORK_FILES[self.metadata["runtime"]]
        open_network = {"litert": _litert, "onnx": _onnx, "keras": _keras}[self.metadata["runtime"]]
        try:
            self._network = open_network(file, threads, self.metadata)
            logit, heatmaps = self.judge(np.zeros(self.shape, np.uint8))
        except ModuleNotFoundError as error:
            raise UserError(
                f"{folder} needs {error.name}, which is not installed: pip install 'ufgen[deploy]'"
            ) from None
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"{file} cannot be run: {str(error)[:300]}") from None
        if heatmaps.ndim != 2 or not np.isfinite(logit):
            raise UserError(f"{file} is not the network that {folder}/bundle.json describes")

    def predict(self, image: str | Path | np.ndarray) -> Prediction:
        """Predict a file, or uint8 (H, W) gray or (H, W, 3) RGB. Raises UserError.

        The box refers to the image as it is shown, after the rotation that its EXIF data ask for.
        """
        picture = decode(image) if isinstance(image, str | Path) else _checked(image)
        shown = self.metadata["input"]
        logit, heatmaps = self.judge(
            resize(picture, shown["size"], shown["channels"], shown["fit"])
        )
        if self.constant:
            heatmaps = np.zeros_like(heatmaps)
        probability, threshold = self.calibrated(logit), self.metadata["threshold"]
        positive, negative = (self.metadata["labels"][c] for c in ("positive", "negative"))
        box = None
        if probability >= threshold:
            box = _in_picture(salient_box(heatmaps), picture.shape, shown["fit"])
        label = positive if probability >= threshold else negative
        return Prediction(probability, label, box, heatmaps, positive, threshold)

    @property
    def constant(self) -> bool:
        """Whether all images get the same probability, as `ufgen export` found."""
        return bool(self.metadata.get("constant", False))

    def calibrated(self, logit: float) -> float:
        """The probability of the positive class, 0..1, that a logit of `judge` means."""
        return float(1 / (1 + np.exp(-np.clip(logit, *LOGITS) / self.metadata["temperature"])))

    def judge(self, pixels: np.ndarray) -> tuple[float, np.ndarray]:
        """The logit, not calibrated, and the evidence (h, w) of uint8 (size, size, channels)."""
        logit, heatmaps = self._network(np.asarray(pixels, "float32")[None])
        return float(np.asarray(logit).reshape(())), np.asarray(heatmaps, "float32")[0]


def _read(folder: Path) -> dict:
    file = folder / "bundle.json"
    if not file.is_file():
        raise UserError(
            f"{folder} is no bundle: bundle.json is missing. Expected the folder that "
            "`ufgen export` wrote"
        )
    metadata = model_metadata.read_object(file)
    if metadata.get("format_version") != VERSION:
        raise UserError(
            f"{file} has the format version {str(metadata.get('format_version'))[:20]}, this ufgen "
            f"reads {VERSION}: export the model again"
        )
    if metadata.get("runtime") not in tuple(NETWORK_FILES):
        raise UserError(f"{file} is damaged: runtime is {str(metadata.get('runtime'))[:60]!r}")
    parts = [metadata.get(name) for name in ("labels", "input", "sha256")]
    if not all(isinstance(part, dict) for part in parts):
        raise UserError(f"{file} is damaged: labels, input or sha256 is missing")
    model_metadata.check({**parts[0], **parts[1], **{k: metadata.get(k) for k in _NUMBERS}}, file)
    for name in (NETWORK_FILES[metadata["runtime"]], *parts[2]):
        if Path(name).name != name or not (folder / name).is_file():
            raise UserError(f"{file} names {name[:60]!r}: there is no such file in {folder}")
        with (folder / name).open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != parts[2].get(name):
            raise UserError(
                f"{folder / name} is not the file that was exported: its SHA-256 differs from "
                "bundle.json's. Copy the bundle again"
            )
    return metadata


_NUMBERS = ("threshold", "temperature")


def _checked(image: np.ndarray) -> np.ndarray:
    if (
        not isinstance(image, np.ndarray)
        or image.dtype != np.uint8
        or image.size == 0
        or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3))
    ):
        found = getattr(image, "dtype", type(image).__name__), getattr(image, "shape", "")
        raise UserError(
            f"the image is {found[0]} {found[1]}: expected a path, or uint8 (H, W) or (H, W, 3)"
        )
    return image


def _in_picture(box: tuple | None, shape: tuple, fit: str) -> tuple | None:
    """A box in shares of the square that the network saw, in shares of the whole picture."""
    if box is None:
        return None
    height, width = shape[:2]
    side = min(width, height) if fit == "crop" else max(width, height)
    edges = [
        min(max((share * side + (length - side) / 2) / length, 0.0), 1.0)
        for share, length in zip(box, (width, height) * 2, strict=True)
    ]
    return tuple(edges) if edges[0] < edges[2] and edges[1] < edges[3] else None


def _litert(file: Path, threads: int, metadata: dict) -> Callable:
    from ai_edge_litert.interpreter import Interpreter

    with environment.silence():  # it announces its delegate
        interpreter = Interpreter(model_path=str(file), num_threads=threads)
        interpreter.allocate_tensors()
        run = interpreter.get_signature_runner()
    _check_input([d["shape"] for d in run.get_input_details().values()], file, metadata)

    def network(images):
        found = run(images=images)
        return found["logit"], found["evidence"]

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

    shown = metadata["input"]
    network = registry.build(metadata["classifier"], shown["size"], shown["channels"])
    network.model.load_weights(file)
    model = conversion.with_logit(network)
    return model.predict_on_batch


def _check_input(shapes: list, file: Path, metadata: dict) -> None:
    expected = [
        1,
        metadata["input"]["size"],
        metadata["input"]["size"],
        metadata["input"]["channels"],
    ]
    if [list(shape) for shape in shapes] != [expected]:
        raise UserError(f"{file} takes {shapes}: bundle.json says {expected}")
