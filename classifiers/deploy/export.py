"""A trained classifier as a bundle: a folder that predicts without TensorFlow."""

import datetime
import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np

from classifiers.backbones import Network
from classifiers.deploy import conversion
from classifiers.deploy.model_card import model_card
from classifiers.deploy.predictor import FORMAT_VERSION, NETWORK_FILES, Predictor
from classifiers.evaluation import calibration, metrics
from classifiers.model_folder import SavedClassifier, load
from ufgen import environment
from ufgen.atomic import atomic_folder, check_replaceable
from ufgen.errors import UserError
from ufgen.images import pixel_store
from ufgen.images.image_set import ImageSet

REPRESENTATIVE_IMAGES = 100
PARITY_IMAGES = 200
TOLERANCE = 1e-4


def export(
    model: Path,
    out: Path,
    runtime: str,
    quantisation: str = "none",
    allow_constant: bool = False,
    image_folder: Path | None = None,
) -> dict:
    """Write a trained classifier as a bundle, and compare it with the original.

    The comparison is on validation images, or else on training images; a float32 network that
    differs by more than 1e-4 in a probability is refused.

    Args:
        model: Folder that `ufgen train` wrote.
        out: Folder to write.
        runtime: litert, onnx or keras.
        quantisation: With litert, one of `conversion.QUANTISATIONS`; ranges of int8 activations
            come from training images.
        allow_constant: Export a network, too, that gives all these images the same probability.
        image_folder: Where the images are now; None for where they were at training time.

    Returns:
        The content of bundle.json.

    Raises:
        UserError: If the classifier cannot be exported, differs from the exported one, or is
            constant, or if its images cannot be read.
    """
    check_replaceable(out, ("bundle.json", "README.md"), "ufgen export")
    if runtime not in NETWORK_FILES:
        raise UserError(f"--format is {runtime}: expected one of {', '.join(NETWORK_FILES)}")
    if quantisation != "none" and runtime != "litert":
        raise UserError(f"--{quantisation} goes with --format litert, not with {runtime}")
    classifier = load(model)
    trained = classifier.metadata
    if trained["members"] > 1 or trained["test_views"]:
        raise UserError(
            f"{model} averages {trained['members']} members and {trained['test_views']} views of "
            "an image; a bundle holds one network: train with --members 1 and --test-views 0"
        )
    folder = Path(image_folder or classifier.root)
    pixels, targets, role = _images(classifier, ("validation", "fit"), PARITY_IMAGES, folder)
    probabilities = classifier.probabilities(pixels)
    constant = trained["constant"] or metrics.is_constant(probabilities)
    if constant and not allow_constant:
        raise UserError(
            f"{model} gives all of {len(pixels)} {role} images the same probability, "
            f"{probabilities[0]:.3f}: nothing was learned. Train it longer, from pretrained "
            "weights, or on more images; --allow-constant exports it all the same"
        )
    examples = None
    if quantisation == "int8":
        examples, _, _ = _images(classifier, ("fit",), REPRESENTATIVE_IMAGES, folder)
    metadata = _describe(classifier) | {"constant": constant}
    with atomic_folder(out, keep_others=True) as temporary:
        network = classifier.network.parts
        metadata = write(network, metadata, runtime, temporary, quantisation, examples)
        parity = _compare(classifier, Predictor(temporary), pixels, targets) | {"on": role}
        metadata["parity"] = parity
        difference = parity["max_difference"]
        if quantisation == "none" and difference > TOLERANCE:
            raise UserError(
                f"the exported network differs from the trained one by {difference:.1e} in "
                f"probability, more than {TOLERANCE:g}: it was not written"
            )
        (temporary / "README.md").write_text(model_card(metadata), encoding="utf-8")
        metadata["sha256"]["README.md"] = _sha256(temporary / "README.md")
        _write_json(metadata, temporary)
    return metadata


def write(
    network: Network,
    metadata: dict,
    runtime: str,
    folder: Path,
    quantisation: str = "none",
    examples: np.ndarray | None = None,
) -> dict:
    """Write a network and bundle.json, without comparing it with a trained classifier.

    Args:
        network: A classifier's network.
        metadata: classifier, labels, threshold, temperature and input, as in bundle.json.
        runtime: litert, onnx or keras.
        folder: Where to write; it exists.
        quantisation: As in `conversion.write`.
        examples: As in `conversion.write`.

    Returns:
        The content of bundle.json.

    Raises:
        UserError: If the network cannot be converted.
    """
    file = folder / NETWORK_FILES[runtime]
    conversion.write(network, runtime, file, quantisation, examples)
    metadata = {
        "format_version": FORMAT_VERSION,
        "runtime": runtime,
        **metadata,
        # Format version 1 calls the heatmap "evidence".
        "outputs": {"logit": "(1, 1), not calibrated", "evidence": "(1, h, w), 0 or more"},
        "quantisation": conversion.QUANTISATIONS[quantisation],
        "sha256": {file.name: _sha256(file)},
    }
    _write_json(metadata, folder)
    return metadata


def _describe(classifier: SavedClassifier) -> dict:
    metadata, versions = classifier.metadata, environment.describe()
    images = sorted(classifier.trained_on["sha256"])
    return {
        "classifier": metadata["classifier"],
        "labels": {"positive": metadata["positive"], "negative": metadata["negative"]},
        "threshold": metadata["threshold"],
        "temperature": metadata["temperature"],
        "input": {
            "size": metadata["size"],
            "channels": metadata["channels"],
            "fit": metadata["fit"],
            "dtype": "float32",
            "range": [0, 255],
        },
        "provenance": {
            "trained": {name: value for name, value in metadata.items() if name != "root"},
            "images_sha256": hashlib.sha256("\n".join(images).encode()).hexdigest(),
            "images_by_class": classifier.trained_on["label"].value_counts().to_dict(),
            "versions": {k: versions[k] for k in ("ufgen", "keras", "tensorflow")},
            "date": datetime.date.today().isoformat(),
        },
    }


def _images(
    classifier: SavedClassifier, roles: tuple[str, ...], most: int, folder: Path
) -> tuple[np.ndarray, np.ndarray, str]:
    """Pixels, targets and role of images of the first role of which any can be read."""
    metadata, table = classifier.metadata, classifier.trained_on
    missing = {"role", "split", "group", "source"} - set(table.columns)
    if missing:
        raise UserError(f"images.csv does not say {', '.join(sorted(missing))}: train again")
    table = table.assign(path=[os.path.abspath(folder / path) for path in table["path"]])
    for role in roles:
        part = table[table["role"] == role].head(most).reset_index(drop=True)
        if not any(Path(path).is_file() for path in part["path"]):
            continue
        images = ImageSet(part, metadata["positive"])
        decoded = pixel_store.load(images, metadata["size"], metadata["channels"], metadata["fit"])
        unchanged = decoded.images.table["sha256"].isin(table["sha256"]).to_numpy()
        if unchanged.any():
            images = decoded.images.select(unchanged)
            return decoded.store.take(images), images.targets(), role
    raise UserError(
        "the network is checked, and its int8 ranges are set, on the images that it was trained "
        f"with, but none can be read; the first would be {table['path'].iloc[0]}. Put them back "
        "there, or name the folder that holds them now with --images FOLDER"
    )


def _compare(
    classifier: SavedClassifier, predictor: Predictor, pixels: np.ndarray, targets: np.ndarray
) -> dict:
    """How much the exported network differs from the trained one."""
    trained = classifier.network.predict(pixels)
    logits = np.array([predictor.raw_outputs(image)[0] for image in pixels])
    exported = 1 / (1 + np.exp(-np.clip(logits, -700, 700)))
    decisions = [
        np.asarray(calibrated) >= classifier.metadata["threshold"]
        for calibrated in (
            calibration.scale(trained, classifier.metadata["temperature"]),
            [predictor.calibrated(logit) for logit in logits],
        )
    ]
    before, after = (float(metrics.roc_auc(targets, scores)) for scores in (trained, logits))
    defined = not (math.isnan(before) or math.isnan(after))
    return {
        "images": len(pixels),
        "max_difference": float(np.abs(trained - exported).max()),
        "decisions_that_differ": int((decisions[0] != decisions[1]).sum()),
        "roc_auc_trained": None if math.isnan(before) else before,
        "roc_auc_exported": None if math.isnan(after) else after,
        "roc_auc_change": after - before if defined else None,
    }


def _write_json(metadata: dict, folder: Path) -> None:
    text = json.dumps(metadata, indent=1, ensure_ascii=False)
    (folder / "bundle.json").write_text(text, encoding="utf-8")


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
