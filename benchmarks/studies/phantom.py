"""Speed and difficulty of the phantom: python benchmarks/studies/phantom.py

Prints images/s at 128 px, and the test ROC AUC of two classifiers at 64 px: logistic regression on
brightness statistics (should be low) and a small convolutional network (0.75 to 0.95).
"""

import tempfile
import time
from pathlib import Path

from ufgen import environment

environment.prepare()
environment.import_keras()

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from classifiers.evaluation.metrics import roc_auc  # noqa: E402
from ufgen import phantom  # noqa: E402
from ufgen.images import image_set, pixel_store  # noqa: E402

TRAIN, TEST = 500, 300


def brightness_statistics(images: np.ndarray) -> np.ndarray:
    """Mean, deviation and five levels of the cumulative histogram: (N, 7)."""
    levels = [(images < level).mean((1, 2, 3)) for level in (20, 50, 80, 120, 160)]
    return np.stack([images.mean((1, 2, 3)), images.std((1, 2, 3)), *levels], axis=1)


def small_network() -> keras.Model:
    """Four convolution blocks and a global average."""
    stack = [layers.Rescaling(1 / 127.5, -1), layers.RandomFlip("horizontal", seed=0)]
    for maps in (16, 32, 64, 64):
        stack += [layers.Conv2D(maps, 3, padding="same"), layers.BatchNormalization(momentum=0.9)]
        stack += [layers.ReLU(), layers.MaxPooling2D()]
    stack += [layers.GlobalAveragePooling2D(), layers.Dropout(0.3)]
    return keras.Sequential([*stack, layers.Dense(1, activation="sigmoid")])


with tempfile.TemporaryDirectory() as folder:
    started = time.perf_counter()
    phantom.write_set(Path(folder) / "set", TRAIN, TEST, 128, seed=1, show_progress=False)
    speed = (TRAIN + TEST) / (time.perf_counter() - started)
    print(f"{speed:.0f} images/s at 128 px, written as PNG")
    decoded = pixel_store.load(image_set.scan(Path(folder) / "set"), 64)
train, test = (decoded.images.split(name) for name in ("train", "test"))
shown, held = (decoded.store.take(part).astype("float32") for part in (train, test))
simple = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
simple.fit(brightness_statistics(shown), train.targets())
scores = simple.predict_proba(brightness_statistics(held))[:, 1]
print(f"logistic regression on brightness statistics: AUC {roc_auc(test.targets(), scores):.3f}")
for seed in range(3):
    keras.utils.set_random_seed(seed)
    network = small_network()
    network.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy", jit_compile=False)
    network.fit(shown, train.targets(), batch_size=32, epochs=18, verbose=0)
    scores = network.predict(held, verbose=0)[:, 0]
    print(f"small network, seed {seed}: AUC {roc_auc(test.targets(), scores):.3f}")
