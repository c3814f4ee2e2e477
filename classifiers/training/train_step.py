"""One optimiser step, compiled once and kept for all trials of a network."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from classifiers.training.losses import binary_cross_entropy, smooth_labels
from ufgen import backend, kernels

METRICS = ["loss", "accuracy"]


class TrainStep:
    """A call trains a model on one batch.

    Whatever may change from trial to trial is no part of the compiled program: the settings of the
    loss and the learning rates are among its inputs.

    Args:
        model: Inputs to logits, (N, 1).
        groups: Lists of the variables that are trained, each with an Adam and a learning rate of
            its own; empty ones are left out.
        use_ema: Whether `ema_variables` follow the trained variables (an exponential moving
            average).
        separate_training_model: Whether `model` is a copy of the network that predicts.
    """

    def __init__(
        self,
        model: keras.Model,
        groups: list[list[keras.Variable]],
        use_ema: bool,
        separate_training_model: bool,
    ) -> None:
        self.model = model
        self.separate_training_model = separate_training_model
        self.groups = [group for group in groups if group]
        self.variables = [variable for group in self.groups for variable in group]
        self.optimizers = [keras.optimizers.Adam() for _ in self.groups]
        for optimizer, group in zip(self.optimizers, self.groups, strict=True):
            optimizer.build(group)
        self.ema_variables = [
            keras.Variable(np.array(v), trainable=False, name=v.name)
            for v in self.variables
            if use_ema
        ]
        trained = {id(v) for v in self.variables}
        self._state = [v for v in model.variables if id(v) not in trained]
        changed = [*self.variables, *self._state, *self.ema_variables]
        changed += [v for optimizer in self.optimizers for v in optimizer.variables]
        self._program = backend.compiled(self._update, changed, METRICS, steps=1, batch_size=1)

    def reset(self) -> None:
        """Reset the optimisers; the moving average starts from the variables as they are."""
        for optimizer in self.optimizers:
            for variable in optimizer.variables:
                variable.assign(np.zeros(variable.shape, variable.dtype))
        for average, variable in zip(self.ema_variables, self.variables, strict=False):
            average.assign(np.array(variable))

    def __call__(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        sample_weight: np.ndarray,
        learning_rates: Sequence[float],
        label_smoothing: float = 0.0,
        focal: float = 0.0,
        ema_decay: float = 0.0,
    ) -> dict[str, Any]:
        """Train on one batch.

        Args:
            inputs: (N, ...), as the model takes them.
            targets: (N,) in 0..1, float32.
            sample_weight: Weights of the images in the loss, (N,), float32.
            learning_rates: One for each of `groups`.
            label_smoothing: See `losses.smooth_labels`.
            focal: Exponent of the focal loss.
            ema_decay: Fraction of the moving average that is kept, in 0..1.

        Returns:
            Tensors `loss` and `accuracy` of the batch, before the update.
        """
        batch = {
            "inputs": inputs,
            "targets": targets,
            "sample_weight": sample_weight,
            "learning_rates": np.asarray(learning_rates, "float32"),
            "label_smoothing": np.float32(label_smoothing),
            "focal": np.float32(focal),
            "ema_decay": np.float32(ema_decay),
        }
        return self._program({k: ops.convert_to_tensor(v) for k, v in batch.items()})

    def _update(self, batch: dict[str, Any]) -> dict[str, Any]:
        logits, backward = backend.vjp(
            lambda: self.model(ops.cast(batch["inputs"], "float32"), training=True)[:, 0],
            self.variables,
            self._state,
        )
        targets = smooth_labels(batch["targets"], batch["label_smoothing"])

        def loss_of(logits: Any) -> tuple[Any, tuple]:
            losses = binary_cross_entropy(logits, targets, batch["focal"])
            return ops.mean(losses * batch["sample_weight"]), ()

        loss = backend.gradients(loss_of, [], logits)
        gradients = iter(backward(loss.input_gradient))
        for index, (optimizer, group) in enumerate(zip(self.optimizers, self.groups, strict=True)):
            optimizer.learning_rate.assign(batch["learning_rates"][index])
            kernels.apply_adam(optimizer, [next(gradients) for _ in group], group)
        for average, variable in zip(self.ema_variables, self.variables, strict=False):
            average.assign(variable.value + batch["ema_decay"] * (average.value - variable.value))
        correct = ops.equal(logits > 0, batch["targets"] > 0.5)
        return {"loss": loss.loss, "accuracy": ops.mean(ops.cast(correct, "float32"))}
