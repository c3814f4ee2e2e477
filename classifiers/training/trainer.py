"""Compile once, train many: a classifier that can be trained again from any seed."""

import hashlib
import random
from collections.abc import Callable
from functools import partial

import keras
import numpy as np
import pandas as pd
from scipy.special import expit

from classifiers import registry
from classifiers.backbones import Network, last_block
from classifiers.explanation.grad_cam import with_heatmap
from classifiers.training import weight_selection
from classifiers.training.augmentation import augmenter, views
from classifiers.training.batches import Examples, batches, class_weights
from classifiers.training.frozen_features import FrozenFeatures
from classifiers.training.settings import Plateau, Training, check_trial, learning_rate
from classifiers.training.train_step import Step
from classifiers.training.weight_selection import Selection
from ufgen.batching import in_batches
from ufgen.errors import UserError

BATCH_SIZE = 64
DIVERGED = 1e3
"""A training loss that no network comes back from; a constant one has 0.69."""


class Classifier:
    """One network, compiled once; `fit` starts again from the seed's initial weights each time.

    A second trial in the same process traces nothing again, and its result is the one that a
    process of its own would give: weights, optimisers and random state are all set back.

    `parts` is the network that predicts, in float32. Where its head alone learns, it does so in
    place; else a twin with the given `precision` learns, and hands its weights over for each
    evaluation.
    """

    def __init__(
        self,
        name: str,
        size: int,
        channels: int,
        weights: str = "none",
        precision: str = "float32",
    ):
        self._build = partial(registry.build, name, size, channels, weights)
        self.weights = weights
        self.precision = precision
        self.parts = self._build()
        for model in (self.parts.model, self.parts.features, self.parts.head):
            model.compile(jit_compile=_xla())
        self._built_twin: Network | None = None
        self._steps: dict[tuple, Step] = {}
        self._initial: tuple[int, list[np.ndarray]] | None = None
        self._initial_sha256: str | None = None
        self._features = FrozenFeatures(self.parts.features)
        self._explainer: keras.Model | None = None
        self._pretrained = None if weights == "none" else _values(self.model.variables)
        self._changed = self.model.variables
        self._only_head_learnt = False

    @property
    def model(self) -> keras.Model:
        """Pixels in 0..255 to the probability of the positive class."""
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
        """Train from the initial weights of `seed` and keep the best on validation.

        Returns one row per evaluation, which `on_row` is given at once: step, trained (what
        learns), learning_rate, loss, accuracy (training means since the last row), val_loss,
        val_accuracy, val_roc_auc, the columns of `selection.Evaluation.row`, best (1 for the row
        that was kept: see `selection.best`). Raises UserError when training diverges.
        """
        check_trial(training, self.weights, augmentation)
        head_alone = {trained for trained, _ in training.phases()} == {"head"}
        self._reset(seed, (self.parts.head if head_alone else self.model).variables)
        rows_of_steps = batches(train, training, seed)
        weights = class_weights(train.targets, training.balance)
        every = training.steps / training.evaluations
        marks = {max(1, round(i * every)) for i in range(1, training.evaluations + 1)}
        history, kept, plateau, done, apart = [], Selection(), Plateau(), 0, False
        for trained, steps in training.phases():
            self._only_head_learnt = trained == "head"
            step = self._step(trained, averaged=training.average > 0)
            if step.apart and not apart:
                _assign(self._twin.model.variables, _values(self.model.variables))
            apart = step.apart
            step.reset()
            batch_of = self._inputs(trained, train, training, augmentation, seed)
            seen = []
            for index in range(1, steps + 1):
                rows = next(rows_of_steps)
                rate = learning_rate(training, index, steps) * plateau.factor
                numbers = step(
                    *batch_of(rows),
                    weights[train.targets[rows]],
                    [rate, rate * training.backbone_rate][: len(step.groups)],
                    training.label_smoothing,
                    training.focal,
                    _keep(training.average, index),
                )
                seen.append(numbers)
                on_step()
                done += 1
                if done not in marks:
                    continue
                row = {"step": done, "trained": trained, "learning_rate": rate}
                for name in ("loss", "accuracy"):
                    row[name] = float(np.mean([float(n[name]) for n in seen]))
                seen = []
                if not row["loss"] < DIVERGED:
                    raise _diverged(f"the training loss is {row['loss']:.3g}", done, training)
                if apart:
                    self._hand_over(step)
                raw = self._judge(validation.pixels)
                evaluation = weight_selection.evaluate(
                    done, not history, validation.targets, raw, training.selection_metric
                )
                kept.add(evaluation, lambda: _values(self._changed))
                row |= weight_selection.plain_scores(validation.targets, raw) | evaluation.row()
                if training.schedule == "plateau":
                    plateau.update(row["val_loss"])
                history.append(row)
                on_row(row)
        if kept.best() is None:
            raise _diverged("no validation image gets a probability", done, training)
        evaluation, values = kept.best()
        _assign(self._changed, values)
        return pd.DataFrame(history).assign(
            best=lambda table: (table["step"] == evaluation.step).astype(int)
        )

    def initial_sha256(self) -> str:
        """A hash of the weights that the last training began with."""
        if self._initial_sha256 is None:
            found = hashlib.sha256()
            for value in self._initial[1]:
                found.update(np.ascontiguousarray(value).tobytes())
            self._initial_sha256 = found.hexdigest()
        return self._initial_sha256

    def predict(self, pixels: np.ndarray, test_views: int = 0) -> np.ndarray:
        """The probability of the positive class for uint8 (N, size, size, channels): float64 (N,).

        With `test_views`, its mean over the image and as many views of it by the policy `light`.
        Batches are padded to one size, so that nothing is compiled for the last one.
        """
        found = self._judge(pixels)
        if not test_views:
            return found
        for start in range(0, len(pixels), BATCH_SIZE):
            part = slice(start, start + BATCH_SIZE)
            seen = np.concatenate([views(image, "light", test_views) for image in pixels[part]])
            found[part] += _in_batches(self.model, seen)[:, 0].reshape(-1, test_views).sum(axis=1)
        return found / (1 + test_views)

    def heatmaps(self, pixels: np.ndarray) -> np.ndarray:
        """Grad-CAM maps of the evidence for the positive class: float32 (N, h, w), 0 or more."""
        if self._explainer is None:
            both = with_heatmap(self.parts)
            self._explainer = keras.Model(both.input, both.outputs[1])
            self._explainer.compile(jit_compile=_xla())
        return _in_batches(self._explainer, pixels)

    def seconds_per_step(self, batch: int, repeats: int = 3, trained: str = "all") -> float:
        """The fastest of some optimiser steps of what learns, on random pixels or features."""
        import time

        self._reset(0, self.model.variables)
        step = self._step(trained, averaged=False)
        rng = np.random.default_rng(0)
        shape = (self.parts.head if trained == "head" else self.model).input_shape[1:]
        inputs = rng.integers(0, 256, (batch, *shape), "uint8")
        targets, found = (np.arange(batch) % 2).astype("float32"), []
        rates = [1e-4] * len(step.groups)
        for _ in range(repeats + 1):
            started = time.perf_counter()
            float(step(inputs, targets, np.ones(batch, "float32"), rates)["loss"])
            found.append(time.perf_counter() - started)
        return min(found[1:])

    def _reset(self, seed: int, changed: list) -> None:
        """Back to the initial weights of `seed`; the training to come changes `changed` alone."""
        if self._initial is None or self._initial[0] != seed:
            random.seed(seed)  # Keras seeds layers from it; TensorFlow's own would drop its kernels
            self._initial, self._initial_sha256 = (seed, self._initial_values()), None
        initial = dict(zip(map(id, self.model.variables), self._initial[1], strict=True))
        either = {id(v): v for v in [*self._changed, *changed]}
        _assign(list(either.values()), [initial[key] for key in either])
        self._changed = changed

    @property
    def _twin(self) -> Network:
        if self._built_twin is None:
            self._built_twin = self._build(precision=self.precision)
        return self._built_twin

    def _initial_values(self) -> list[np.ndarray]:
        """Of all variables, with new random ones; what is pretrained need not be built again."""
        with keras.StatelessScope(initialize_variables=False):  # values without variables
            if self._pretrained is None:
                return _values(self._build().model.variables)
            drawn = {}
            for layer in self.parts.head.layers[1:]:
                new = layer.from_config(layer.get_config())
                new.build(layer.input.shape)
                drawn |= zip(map(id, layer.variables), _values(new.variables), strict=True)
        known = zip(self.model.variables, self._pretrained, strict=True)
        return [drawn.get(id(variable), value) for variable, value in known]

    def _step(self, trained: str, averaged: bool) -> Step:
        """The compiled step for what learns: made at the first call, and kept."""
        if (trained, averaged) not in self._steps:
            apart = trained != "head" or averaged
            network = self._twin if apart else self.parts
            for backbone in network.backbones:
                last = {id(layer) for layer in last_block(backbone)}
                for layer in backbone.layers:
                    layer.trainable = trained == "all" or (
                        trained == "last_block" and id(layer) in last
                    )
            head = network.head.trainable_variables
            of_backbones = [v for b in network.backbones for v in b.trainable_variables]
            model = network.head if trained == "head" else network.logits
            self._steps[trained, averaged] = Step(model, [head, of_backbones], averaged, apart)
        return self._steps[trained, averaged]

    def _inputs(self, trained, train: Examples, training: Training, augmentation: str, seed: int):
        """A function from rows to the inputs and targets of a batch."""
        targets = train.targets.astype("float32")
        if trained == "head":
            features = self._features.views(train.pixels, augmentation, training.views, seed)
            rng = np.random.default_rng([seed, 1])

            def of_features(rows):
                chosen = rng.integers(0, features.shape[1], len(rows))
                return features[rows, chosen], targets[rows]

            return of_features
        augment = augmenter(augmentation, seed)
        return lambda rows: augment(train.pixels[rows], targets[rows])

    def _judge(self, pixels: np.ndarray) -> np.ndarray:
        """P(positive class), float64 (N,): from stored features while the head alone has learnt."""
        if not self._only_head_learnt or not len(pixels):
            return _in_batches(self.model, pixels)[:, 0].astype("float64")
        features = self._features.views(pixels, "none", 1)[:, 0]
        return expit(_in_batches(self.parts.head, features)[:, 0].astype("float64"))

    def _hand_over(self, step: Step) -> None:
        """Give the learnt weights, or their averages, to the network that predicts."""
        averages = dict(zip(map(id, step.variables), step.averages, strict=False))
        values = [averages.get(id(v), v) for v in self._twin.model.variables]
        _assign(self.model.variables, [np.array(v) for v in values])


def _diverged(what: str, step: int, training: Training) -> UserError:
    return UserError(
        f"{what} at step {step}: training diverges. Take a learning rate below "
        f"{training.learning_rate:g}"
    )


def _keep(half_life: int, step: int) -> float:
    """The share of the averages that stays: less at first, to leave the initial weights behind."""
    return min(0.5 ** (1 / half_life), (1 + step) / (10 + step)) if half_life else 0.0


def _values(variables: list) -> list[np.ndarray]:
    return [np.array(variable) for variable in variables]


def _assign(variables: list, values: list) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _in_batches(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    if not len(inputs):
        return np.zeros((0, 1))
    return in_batches(
        lambda batch: model.predict_on_batch(np.asarray(batch, "float32")), BATCH_SIZE, inputs
    )


def _xla() -> bool:
    """XLA is slower than TensorFlow's own kernels on a CPU; JAX has nothing else."""
    return keras.backend.backend() != "tensorflow" or bool(keras.distribution.list_devices("gpu"))
