"""Write and read the folder of a trained classifier.

It holds model.json (metadata), a weights file for each member, history.csv (the evaluations during
training) and images.csv (what it was trained on).
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from classifiers import model_metadata
from classifiers.ensemble import Ensemble
from classifiers.model_folder.saved_classifier import SavedClassifier
from classifiers.training.trainer import Classifier
from ufgen.atomic import atomic_folder
from ufgen.errors import UserError

FILES = ("model.json", "model.weights.h5", "images.csv")
DEFAULTS = {"temperature": 1.0, "members": 1, "test_views": 0, "root": ".", "constant": False}
"""What model.json of earlier versions lacks."""


def save(
    folder: Path, ensemble: Ensemble, metadata: dict, history: pd.DataFrame, images: pd.DataFrame
) -> None:
    """Write a trained classifier, whole or not at all.

    Args:
        folder: Replaced if an earlier call wrote it; other files in it are kept.
        ensemble: The networks.
        metadata: The content of model.json.
        history: The evaluations during training.
        images: The training and validation images, with their role.
    """
    with atomic_folder(folder, keep_others=True) as temporary:
        for member in range(len(ensemble.members)):
            ensemble.load_member(member)
            ensemble.network.model.save_weights(temporary / _weights_file(member))
        history.to_csv(temporary / "history.csv", index=False)
        images.to_csv(temporary / "images.csv", index=False)
        (temporary / "model.json").write_text(json.dumps(metadata, indent=1))


def load(folder: Path) -> SavedClassifier:
    """Load a classifier that `train` wrote.

    Args:
        folder: The folder that `ufgen train` wrote.

    Returns:
        The classifier, ready to predict.

    Raises:
        UserError: If files are missing or damaged.
    """
    folder = Path(folder)
    missing = [file for file in FILES if not (folder / file).is_file()]
    if missing:
        raise UserError(
            f"{folder} is no trained classifier: {', '.join(missing)} is missing. Expected the "
            "folder that `ufgen train` wrote"
        )
    metadata = DEFAULTS | model_metadata.read_object(folder / "model.json")
    model_metadata.check(metadata, folder / "model.json", model_metadata.MODEL_FIELDS)
    network = Classifier(str(metadata.get("classifier")), metadata["size"], metadata["channels"])
    members = [
        _read_weights(network, folder / _weights_file(member))
        for member in range(metadata["members"])
    ]
    try:
        trained_on = pd.read_csv(folder / "images.csv", dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{folder}/images.csv is damaged: {error}") from None
    if not {"path", "label", "sha256"} <= set(trained_on.columns):
        raise UserError(f"{folder}/images.csv is damaged: path, label or sha256 is missing")
    ensemble = Ensemble(network, members, metadata["test_views"])
    return SavedClassifier(ensemble, metadata, trained_on, folder / str(metadata["root"]))


def _weights_file(member: int) -> str:
    """The name of a member's weights file, counted from 0."""
    return f"member_{member + 1}.weights.h5" if member else "model.weights.h5"


def _read_weights(network: Classifier, file: Path) -> list[np.ndarray]:
    try:
        network.model.load_weights(file)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"{file} is damaged, or of another network: {reason[:300]}") from None
    return [np.array(variable) for variable in network.model.variables]
