"""Compile once, train many: a classifier that can be trained again from any seed."""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd

from classifiers import registry
from classifiers.augmentation import check_policy, policy
from classifiers.metrics import roc_auc
from ufgen.errors import UserError

SCHEDULES = ("cosine", "plateau", "constant")
BALANCES = ("none", "class_weights", "oversample")


@dataclass(frozen=True)
class Training:
    """How a classifier is trained: the same for every arm of a comparison.

    The budget is `steps` optimiser steps of `batch` images, whatever the number of images.
    `learning_rate` is the peak of Adam's; `schedule` is "cosine" (after a warm-up of a tenth of
    the steps), "plateau" (halved when two evaluations in a row bring no better validation loss)
    or "constant". The validation images are evaluated `evaluations` times, and the weights with
    the lowest validation loss are kept (early stopping without a shorter budget). `balance` is
    "none", "class_weights" or "oversample" (each class equally often in the batches).
    """

    steps: int = 300
    batch: int = 16
    learning_rate: float = 5e-4
    schedule: str = "cosine"
    evaluations: int = 10
    balance: str = "none"

    def __post_init__(self):
        for name in ("steps", "batch", "evaluations"):
            if getattr(self, name) < 1:
                raise UserError(f"training: {name} is {getattr(self, name)}, expected 1 or more")
        if self.learning_rate <= 0:
            raise UserError(f"training: learning_rate is {self.learning_rate}, expected above 0")
        for name, allowed in (("schedule", SCHEDULES), ("balance", BALANCES)):
            if getattr(self, name) not in allowed:
                raise UserError(
                    f"training: {name} is {getattr(self, name)!r}, expected {', '.join(allowed)}"
                )

    def as_dict(self) -> dict:
        """The settings by name."""
        return asdict(self)


class Examples(NamedTuple):
    """Pixels uint8 (N, size, size, channels) and targets 0/1 (N,), row by row."""

    pixels: np.ndarray
    targets: np.ndarray


class Classifier:
    """One network, compiled once; `fit` starts again from the seed's initial weights each time.

    A second trial in the same process traces nothing again, and its result is the one that a
    process of its own would give: weights, optimiser and random state are all set back.
    """

    def __init__(self, name: str, size: int, channels: int, weights: str = "none"):
        self._build = lambda: registry.build(name, size, channels, weights)
        self._initial: tuple[int, list[np.ndarray]] | None = None
        self.model = self._build()
        self.model.compile(
            keras.optimizers.Adam(),
            loss=keras.losses.BinaryCrossentropy(),
            metrics=[keras.metrics.BinaryAccuracy(name="accuracy")],
            jit_compile=keras.backend.backend() != "tensorflow"
            or bool(keras.distribution.list_devices("gpu")),
        )
        self.model.optimizer.build(self.model.trainable_variables)

    def _reset(self, seed: int) -> None:
        if self._initial is None or self._initial[0] != seed:
            keras.utils.set_random_seed(seed)
            self._initial = (seed, [np.array(v) for v in self._build().variables])
        for variable, value in zip(self.model.variables, self._initial[1], strict=True):
            variable.assign(value)
        for variable in self.model.optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))
        self.model.reset_metrics()

    def fit(
        self,
        train: Examples,
        validation: Examples,
        training: Training,
        seed: int = 0,
        augmentation: str = "none",
        on_step: Callable[[], None] = lambda: None,
    ) -> pd.DataFrame:
        """Train from the initial weights of `seed` and keep the best on validation.

        Returns one row per evaluation: step, learning_rate, loss, accuracy (training means since
        the last row), val_loss, val_accuracy, val_roc_auc, best (1 for the row that was kept).
        Raises UserError when the loss is no longer a number.
        """
        check_policy(augmentation)
        self._reset(seed)
        augment = policy(augmentation, seed)
        batches = _batches(train.targets, training, seed)
        class_weights = _class_weights(train.targets, training.balance)
        every = training.steps / training.evaluations
        marks = {max(1, round(i * every)) for i in range(1, training.evaluations + 1)}
        rows, batches_seen, kept, plateau = [], [], None, _Plateau()
        for step in range(1, training.steps + 1):
            rows_now = next(batches)
            rate = _learning_rate(training, step) * plateau.factor
            self.model.optimizer.learning_rate.assign(rate)
            logs = self.model.train_on_batch(
                augment(train.pixels[rows_now]),
                train.targets[rows_now].astype("float32")[:, None],
                sample_weight=class_weights[train.targets[rows_now]],
                return_dict=True,
            )
            on_step()
            batches_seen.append([float(logs[name]) for name in ("loss", "accuracy")])
            if step not in marks:
                continue
            loss, accuracy = np.mean(batches_seen, axis=0)
            if not math.isfinite(loss):
                raise UserError(
                    f"the training loss is {loss} at step {step}: the learning rate "
                    f"{training.learning_rate} is probably too high"
                )
            row = {"step": step, "learning_rate": rate, "loss": loss, "accuracy": accuracy}
            row |= self._validate(validation)
            batches_seen = []
            if kept is None or row["val_loss"] < kept[0]:
                kept = (row["val_loss"], step, [np.array(v) for v in self.model.variables])
            if training.schedule == "plateau":
                plateau.update(row["val_loss"])
            rows.append(row)
        for variable, value in zip(self.model.variables, kept[2], strict=True):
            variable.assign(value)
        return pd.DataFrame(rows).assign(best=lambda t: (t["step"] == kept[1]).astype(int))

    def _validate(self, validation: Examples) -> dict[str, float]:
        probabilities = self.predict(validation.pixels)
        targets = validation.targets
        clipped = np.clip(probabilities, 1e-7, 1 - 1e-7)
        loss = -np.where(targets == 1, np.log(clipped), np.log(1 - clipped)).mean()
        return {
            "val_loss": float(loss),
            "val_accuracy": float(((probabilities >= 0.5) == targets).mean()),
            "val_roc_auc": float(roc_auc(targets, probabilities)),
        }

    def predict(self, pixels: np.ndarray, batch: int = 64) -> np.ndarray:
        """The probability of the positive class for uint8 (N, size, size, channels): float64 (N,).

        Batches are padded to one size, so that nothing is compiled for the last one.
        """
        parts = []
        for start in range(0, len(pixels), batch):
            part = np.asarray(pixels[start : start + batch], "float32")
            padded = np.zeros((batch, *part.shape[1:]), "float32")
            padded[: len(part)] = part
            parts.append(np.asarray(self.model.predict_on_batch(padded))[: len(part), 0])
        return np.concatenate(parts).astype("float64") if parts else np.zeros(0)


class _Plateau:
    """Halves the learning rate after two evaluations in a row without a better loss."""

    def __init__(self):
        self.factor, self._best, self._waited = 1.0, math.inf, 0

    def update(self, loss: float) -> None:
        self._waited = 0 if loss < self._best else self._waited + 1
        self._best = min(self._best, loss)
        if self._waited == 2:
            self.factor, self._waited = self.factor / 2, 0


def _learning_rate(training: Training, step: int) -> float:
    if training.schedule != "cosine":
        return training.learning_rate
    warmup = max(1, training.steps // 10)
    if step <= warmup:
        return training.learning_rate * step / warmup
    progress = (step - warmup) / max(1, training.steps - warmup)
    return training.learning_rate * max(0.01, (1 + math.cos(math.pi * progress)) / 2)


def _class_weights(targets: np.ndarray, balance: str) -> np.ndarray:
    """A weight for target 0 and for target 1, with mean 1 over the images: float32 (2,)."""
    counts = np.bincount(targets, minlength=2)
    if balance != "class_weights" or (counts == 0).any():
        return np.ones(2, "float32")
    return (len(targets) / (2 * counts)).astype("float32")


def _batches(targets: np.ndarray, training: Training, seed: int) -> Iterator[np.ndarray]:
    """Row numbers, batch after batch: whole shuffled passes, without end."""
    rng = np.random.default_rng(seed)
    pools = [np.arange(len(targets))]
    if training.balance == "oversample":
        pools = [np.flatnonzero(targets == c) for c in (0, 1) if (targets == c).any()]

    def stream(pool: np.ndarray) -> Iterator[int]:
        while True:
            yield from rng.permutation(pool)

    streams = [stream(pool) for pool in pools]
    position = 0
    while True:
        batch = []
        for _ in range(training.batch):
            batch.append(next(streams[position % len(streams)]))
            position += 1
        yield np.array(batch)
