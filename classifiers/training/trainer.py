"""Compile once, train many: a classifier that can be trained again from any seed."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import pandas as pd
from scipy.special import expit

from classifiers import registry
from classifiers.explanation.grad_cam import with_heatmap
from classifiers.training import weight_selection
from classifiers.training.augmentation import views
from classifiers.training.batches import Examples
from classifiers.training.frozen_features import FrozenFeatures
from classifiers.training.initial_weights import InitialWeights, get_values, set_values
from classifiers.training.learning_rate import Plateau
from classifiers.training.optimisation import CompiledSteps, diverged, optimise
from classifiers.training.settings import Training, check_trial
from classifiers.training.weight_selection import Selection
from ufgen.batching import in_batches

BATCH_SIZE = 64


class Classifier:
    """One network, compiled once; `fit` starts again from the seed's initial weights each time.

    A second trial in the same process traces nothing again, and its result is the one that a
    process of its own would give: weights, optimisers and random state are all reset.

    Args:
        name: See `registry.build`.
        size: Height and width of the images in pixels.
        channels: 1 or 3.
        weights: Initial weights of the backbone: "imagenet", "none" (random) or a local file.
        precision: Of the training: "float32" or "bfloat16", see `registry.build`. Predictions are
            always in float32.

    Attributes:
        parts: The network that predicts.

    Raises:
        UserError: There is no such classifier, or its weights cannot be loaded.
    """

    def __init__(
        self,
        name: str,
        size: int,
        channels: int,
        weights: str = "none",
        precision: str = "float32",
    ) -> None:
        build = partial(registry.build, name, size, channels, weights)
        self.weights = weights
        self.precision = precision
        self.parts = build()
        for model in (self.parts.model, self.parts.features, self.parts.head):
            model.compile(jit_compile=_use_xla())
        pretrained = weights != "none"
        self._steps = CompiledSteps(self.parts, partial(build, precision=precision), pretrained)
        self._initial = InitialWeights(self.parts, build, pretrained)
        self._features = FrozenFeatures(self.parts.features)
        self._heatmap_model: keras.Model | None = None
        self._trained_variables = self.model.variables
        self._only_head_trained = False

    @property
    def model(self) -> keras.Model:
        """Pixels (N, size, size, channels) in 0..255 to P(positive class), (N, 1)."""
        return self.parts.model

    def fit(
        self,
        train: Examples,
        validation: Examples,
        training: Training,
        seed: int = 0,
        augmentation: str = "none",
        on_step: Callable[[], None] = lambda: None,
        on_row: Callable[[dict], None] = lambda row: None,
    ) -> pd.DataFrame:
        """Train from the initial weights of a seed, and keep the best weights on validation.

        Args:
            train: Training images.
            validation: Validation images.
            training: How to train.
            seed: Of the initial weights, the batches and the augmentation.
            augmentation: An augmentation policy.
            on_step: Called after each optimiser step.
            on_row: Called with each row of the history, without `best`.

        Returns:
            The history, one row per evaluation: step, trained (the layers), learning_rate, loss and
            accuracy (means of the batches since the last row), val_loss, val_accuracy, val_roc_auc,
            the columns of `weight_selection.Evaluation.row`, and best (1 for the row whose weights
            are kept: see `weight_selection.best`).

        Raises:
            UserError: Training diverges, or the settings do not fit the weights or the policy.
        """
        check_trial(training, self.weights, augmentation)
        training = training.for_weights(self.weights)
        only_head = all(trained == "head" for trained, _ in training.phases())
        self._reset(seed, (self.parts.head if only_head else self.model).variables)
        history: list[dict[str, Any]] = []
        selection, plateau = Selection(), Plateau()
        for row in optimise(
            self._steps, self._features, train, training, plateau, seed, augmentation, on_step
        ):
            self._only_head_trained = row["trained"] == "head"
            raw = self._predict(validation.pixels)
            evaluation = weight_selection.evaluate(
                row["step"], not history, validation.targets, raw, training.selection_metric
            )
            selection.add(evaluation, lambda: get_values(self._trained_variables))
            row |= weight_selection.uncalibrated_scores(validation.targets, raw) | evaluation.row()
            if training.schedule == "plateau":
                plateau.update(row["val_loss"])
            history.append(row)
            on_row(row)
        best = selection.best()
        if best is None:
            raise diverged("no validation image gets a probability", training.steps, training)
        evaluation, values = best
        set_values(self._trained_variables, values)
        table = pd.DataFrame(history)
        return table.assign(best=(table["step"] == evaluation.step).astype(int))

    def initial_sha256(self) -> str:
        """Hash the weights that the last training run began with.

        Returns:
            Hexadecimal digits.
        """
        return self._initial.sha256()

    def predict(self, pixels: np.ndarray, test_views: int = 0) -> np.ndarray:
        """Predict the uncalibrated probability of the positive class.

        Args:
            pixels: uint8 (N, size, size, channels).
            test_views: Test-time augmentation: the prediction is the mean over the image and as
                many views of it by the policy `light`.

        Returns:
            float64 (N,).
        """
        probabilities = self._predict(pixels)
        if not test_views:
            return probabilities
        for start in range(0, len(pixels), BATCH_SIZE):
            batch = slice(start, start + BATCH_SIZE)
            augmented = np.concatenate([views(i, "light", test_views) for i in pixels[batch]])
            of_views = _in_batches(self.model, augmented)[:, 0].reshape(-1, test_views)
            probabilities[batch] += of_views.sum(axis=1)
        return probabilities / (1 + test_views)

    def heatmaps(self, pixels: np.ndarray) -> np.ndarray:
        """Compute the Grad-CAM heatmaps of the positive class.

        Args:
            pixels: uint8 (N, size, size, channels).

        Returns:
            float32 (N, h, w), 0 or more.
        """
        if self._heatmap_model is None:
            both = with_heatmap(self.parts)
            self._heatmap_model = keras.Model(both.input, both.outputs[1])
            self._heatmap_model.compile(jit_compile=_use_xla())
        return _in_batches(self._heatmap_model, pixels)

    def seconds_per_step(self, batch: int, repeats: int = 3, trained: str = "all") -> float:
        """Time optimiser steps on random pixels, or on random features where the head is trained.

        Args:
            batch: Images of a step.
            repeats: Steps that are timed, after a first one that compiles.
            trained: "all", "last_block" or "head".

        Returns:
            The time of the fastest step, in seconds.
        """
        self._reset(0, self.model.variables)
        step = self._steps.get(trained, use_ema=False)
        rng = np.random.default_rng(0)
        shape = (self.parts.head if trained == "head" else self.model).input_shape[1:]
        inputs = rng.integers(0, 256, (batch, *shape), "uint8")
        targets = (np.arange(batch) % 2).astype("float32")
        rates = [1e-4] * len(step.groups)
        seconds = []
        for _ in range(repeats + 1):
            started = time.perf_counter()
            float(step(inputs, targets, np.ones(batch, "float32"), rates)["loss"])
            seconds.append(time.perf_counter() - started)
        return min(seconds[1:])

    def _reset(self, seed: int, trained_variables: list[keras.Variable]) -> None:
        """Restore the initial weights; the next run changes `trained_variables` alone."""
        changed = {id(v): v for v in [*self._trained_variables, *trained_variables]}
        self._initial.restore(seed, list(changed.values()))
        self._trained_variables = trained_variables

    def _predict(self, pixels: np.ndarray) -> np.ndarray:
        """P(positive class), float64 (N,): from cached features while only the head is trained."""
        if not self._only_head_trained or not len(pixels):
            return _in_batches(self.model, pixels)[:, 0].astype("float64")
        features = self._features.views(pixels, "none", 1)[:, 0]
        return expit(_in_batches(self.parts.head, features)[:, 0].astype("float64"))


def _in_batches(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    if not len(inputs):
        return np.zeros((0, 1))
    return in_batches(
        lambda batch: model.predict_on_batch(np.asarray(batch, "float32")), BATCH_SIZE, inputs
    )


def _use_xla() -> bool:
    """XLA is slower than TensorFlow's own kernels on a CPU; JAX has nothing else."""
    return keras.backend.backend() != "tensorflow" or bool(keras.distribution.list_devices("gpu"))
