"""What the demonstration needs before its study: easy images, and pretrained backbones."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from experiments.design.study import Study
from ufgen import phantom
from ufgen.atomic import atomic_file
from ufgen.phantom import simulate_patient
from ufgen.progress import Progress

IMAGES: dict[str, Any] = {"train": 1200, "test": 800, "size": 64, "seed": 0, "easy": True}
PATIENTS, VIEWS, SIZE = 860, 2, 64
HELD_OUT = 200  # of the images of other patients: for checkpoint selection
TRAINING: dict[str, dict[str, Any]] = {
    "mobilenet_v3": {"steps": 120, "learning_rate": 1e-3},
    "custom_resnet50": {"steps": 90, "learning_rate": 5e-4},
}


def write_images(study: Study) -> None:
    """Simulate the images of the study, unless they are there.

    Args:
        study: Names the folder of the images.

    Raises:
        UserError: The folder holds others, such as those of an earlier version.
    """
    phantom.write_set(Path(study.images.path), **IMAGES)


def pretrain_backbones(study: Study) -> None:
    """Pretrain the backbones whose weights the study names, unless they are there.

    `NETWORK.weights.h5` gets the backbone of a NETWORK that was trained, on other simulated
    patients, to say in which half of the image the largest fibroid lies. Replaces ImageNet
    pretraining, without a download.

    Args:
        study: Names the files of the weights and the working resolution.
    """
    files = [file for c in study.classifiers for file in c.weights.split(",")]
    missing = [file for file in map(Path, dict.fromkeys(files)) if not file.is_file()]
    if missing:
        pixels, right = _other_patients(study.images.resolution)
        for file in missing:
            _pretrain(file, study.images.resolution, pixels, right)


def _other_patients(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Images, uint8 (N, size, size, 1), and whether the largest fibroid lies on the right (N,)."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        numbers = range(PATIENTS)
        patients = pool.map(lambda p: simulate_patient(1, p, "UF", VIEWS, SIZE, True), numbers)
        views = [view for patient in patients for view in patient if view.lesions]
    images = [Image.fromarray(v.pixels).resize((size, size), Image.Resampling.BOX) for v in views]
    right = [sum(max(v.lesions, key=_area)[::2]) > SIZE for v in views]
    return np.stack([np.asarray(image) for image in images])[..., None], np.array(right, "int64")


def _area(box: tuple[float, float, float, float]) -> float:
    x0, y0, x1, y1 = box
    return (x1 - x0) * (y1 - y0)


def _pretrain(file: Path, size: int, pixels: np.ndarray, right: np.ndarray) -> None:
    from classifiers.training.batches import Examples
    from classifiers.training.settings import Training
    from classifiers.training.trainer import Classifier

    name = file.name.removesuffix(".weights.h5")
    training = Training(batch=32, evaluations=3, precision="float32", **TRAINING[name])
    train, validation = (
        Examples(pixels[rows], right[rows]) for rows in (slice(HELD_OUT, None), slice(HELD_OUT))
    )
    network = Classifier(name, size, 1)
    with Progress(total=training.steps, unit="step", desc=f"pretraining: {name}") as bar:
        history = network.fit(train, validation, training, 0, "none", bar.update)
    with atomic_file(file) as temporary:
        network.parts.backbones[0].save_weights(temporary)
    area = history.loc[history["best"] == 1, "val_roc_auc"].iloc[0]
    print(
        f"{name}, pretrained on {len(train.targets)} images of other simulated patients "
        f"(side of the fibroid: ROC AUC {area:.2f} on {len(validation.targets)} more): {file}"
    )
