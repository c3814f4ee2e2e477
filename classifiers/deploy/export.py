"""A trained classifier as a bundle: a folder that predicts without TensorFlow."""

import datetime
import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np

from classifiers.deploy import conversion
from classifiers.deploy.model_card import model_card
from classifiers.deploy.predictor import NETWORK_FILES, VERSION, Predictor
from classifiers.evaluation import calibration, metrics
from classifiers.model_folder import SavedClassifier, load
from ufgen import environment
from ufgen.atomic import atomic_folder, check_replaceable
from ufgen.errors import UserError
from ufgen.images import pixel_store
from ufgen.images.image_set import ImageSet

EXAMPLES = 100
CHECKED = 200
TOLERANCE = 1e-4


def export(
    model: Path,
    out: Path,
    runtime: str,
    quantisation: str = "none",
    allow_constant: bool = False,
    images_at: Path | None = None,
) -> dict:
    """Write the classifier in the folder `model` as a bundle; returns what bundle.json says.

    `runtime` is litert, onnx or keras; `quantisation`, with litert, one of
    `convert.QUANTISATIONS`; ranges of int8 come from training images. The written network is
    compared with the trained one on images that it was validated on, and is refused if a float32
    probability differs by more than 1e-4. A network that gives all these images the same
    probability is refused unless `allow_constant`. The images are looked for where they lay at the
    training, or in the folder `images_at`. Raises UserError, also where none can be read any more.
    """
    check_replaceable(out, ("bundle.json", "README.md"), "ufgen export")
    if runtime not in NETWORK_FILES:
        raise UserError(f"--format is {runtime}: expected one of {', '.join(NETWORK_FILES)}")
    if quantisation != "none" and runtime != "litert":
        raise UserError(f"--{quantisation} goes with --format litert, not with {runtime}")
    saved = load(model)
    if saved.metadata["members"] > 1 or saved.metadata["test_views"]:
        raise UserError(
            f"{model} averages {saved.metadata['members']} members and {saved.metadata['test_views']} "
            "views of an image; a bundle asks one network once: train with --members 1 and "
            "--test-views 0"
        )
    place = Path(images_at or saved.root)
    checked, targets, role = _images(saved, ("validation", "fit"), CHECKED, place)
    trained = saved.probabilities(checked)
    constant = saved.metadata["constant"] or metrics.is_constant(trained)
    if constant and not allow_constant:
        raise UserError(
            f"{model} gives all of {len(checked)} {role} images the same probability, "
            f"{trained[0]:.3f}: nothing was learned. Train it longer, from pretrained weights, or "
            "on more images; --allow-constant exports it all the same"
        )
    examples = _images(saved, ("fit",), EXAMPLES, place)[0] if quantisation == "int8" else None
    metadata = _describe(saved) | {"constant": constant}
    with atomic_folder(out, keep_others=True) as temporary:
        metadata = write(saved.network.parts, metadata, runtime, temporary, quantisation, examples)
        metadata["parity"] = _compare(saved, Predictor(temporary), checked, targets) | {"on": role}
        difference = metadata["parity"]["max_difference"]
        if quantisation == "none" and difference > TOLERANCE:
            raise UserError(
                f"the exported network differs from the trained one by {difference:.1e} in "
                f"probability, more than {TOLERANCE:g}: it was not written"
            )
        (temporary / "README.md").write_text(model_card(metadata), encoding="utf-8")
        metadata["sha256"]["README.md"] = _digest(temporary / "README.md")
        _write_json(metadata, temporary)
    return metadata


def write(
    network, metadata: dict, runtime: str, folder: Path, quantisation: str = "none", examples=None
) -> dict:
    """Write a `backbones.Network` and bundle.json, without the checks that need a trained one.

    `metadata` holds classifier, labels, threshold, temperature and input; `quantisation` and
    `examples` are as in `convert.write`. Returns what bundle.json says.
    """
    file = folder / NETWORK_FILES[runtime]
    conversion.write(network, runtime, file, quantisation, examples)
    metadata = {
        "format_version": VERSION,
        "runtime": runtime,
        **metadata,
        "outputs": {"logit": "(1, 1), not calibrated", "evidence": "(1, h, w), 0 or more"},
        "quantisation": conversion.QUANTISATIONS[quantisation],
        "sha256": {file.name: _digest(file)},
    }
    _write_json(metadata, folder)
    return metadata


def _describe(saved: SavedClassifier) -> dict:
    metadata, versions = saved.metadata, environment.describe()
    seen = sorted(saved.trained_on["sha256"])
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
            "images_sha256": hashlib.sha256("\n".join(seen).encode()).hexdigest(),
            "images_by_class": saved.trained_on["label"].value_counts().to_dict(),
            "versions": {k: versions[k] for k in ("ufgen", "keras", "tensorflow")},
            "date": datetime.date.today().isoformat(),
        },
    }


def _images(
    saved: SavedClassifier, roles: tuple, most: int, place: Path
) -> tuple[np.ndarray, np.ndarray, str]:
    """Pixels, targets and role of the images of the first role of which any can still be read."""
    table = saved.trained_on
    missing = {"role", "split", "group", "source"} - set(table.columns)
    if missing:
        raise UserError(f"images.csv does not say {', '.join(sorted(missing))}: train again")
    table = table.assign(path=[os.path.abspath(place / path) for path in table["path"]])
    for role in roles:
        part = table[table["role"] == role].head(most).reset_index(drop=True)
        if not any(Path(path).is_file() for path in part["path"]):
            continue
        images = ImageSet(part, saved.metadata["positive"])
        found = pixel_store.load(images, *(saved.metadata[k] for k in ("size", "channels", "fit")))
        same = found.images.table["sha256"].isin(table["sha256"]).to_numpy()
        if same.any():
            images = found.images.select(same)
            return found.store.take(images), images.targets(), role
    raise UserError(
        "the network is checked, and its int8 ranges are found, on the images that it was trained "
        f"with, but none can be read; the first would be {table['path'].iloc[0]}. Put them back "
        "there, or name the folder that holds them now with --images FOLDER"
    )


def _compare(saved: SavedClassifier, made: Predictor, shown: np.ndarray, targets) -> dict:
    trained = saved.network.predict(shown)
    logits = np.array([made.judge(image)[0] for image in shown])
    exported = 1 / (1 + np.exp(-np.clip(logits, -700, 700)))
    decisions = [
        np.asarray(calibrated) >= saved.metadata["threshold"]
        for calibrated in (
            calibration.scale(trained, saved.metadata["temperature"]),
            [made.calibrated(logit) for logit in logits],
        )
    ]
    aucs = [float(metrics.roc_auc(targets, scores)) for scores in (trained, logits)]
    aucs = [None if math.isnan(auc) else auc for auc in aucs]
    return {
        "images": len(shown),
        "max_difference": float(np.abs(trained - exported).max()),
        "decisions_that_differ": int((decisions[0] != decisions[1]).sum()),
        "roc_auc_trained": aucs[0],
        "roc_auc_exported": aucs[1],
        "roc_auc_change": None if None in aucs else aucs[1] - aucs[0],
    }


def _write_json(metadata: dict, folder: Path) -> None:
    text = json.dumps(metadata, indent=1, ensure_ascii=False)
    (folder / "bundle.json").write_text(text, encoding="utf-8")


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
