"""One optimiser step, compiled once and kept for all trials of a network."""

import keras
import numpy as np
from keras import ops

from classifiers.training.losses import cross_entropy, smoothed
from ufgen import backend, kernels

NUMBERS = ["loss", "accuracy"]


class Step:
    """A call trains `model` (inputs to logits, (N, 1)) by one batch.

    `groups` are lists of the variables that learn, each with an Adam and a learning rate of its
    own. With `averaged`, `averages` follow the variables. `apart` says that they are not those of
    the network that predicts. Nothing that may change from trial to
    trial is part of the compiled program: loss settings and rates are among its inputs.
    """

    def __init__(self, model: keras.Model, groups: list[list], averaged: bool, apart: bool):
        self.model = model
        self.apart = apart
        self.groups = [group for group in groups if group]
        self.variables = [variable for group in self.groups for variable in group]
        self.optimizers = [keras.optimizers.Adam() for _ in self.groups]
        for optimizer, group in zip(self.optimizers, self.groups, strict=True):
            optimizer.build(group)
        self.averages = [
            keras.Variable(np.array(v), trainable=False, name=v.name)
            for v in self.variables
            if averaged
        ]
        learning = {id(v) for v in self.variables}
        self._state = [v for v in model.variables if id(v) not in learning]
        every = [*self.variables, *self._state, *self.averages]
        every += [v for optimizer in self.optimizers for v in optimizer.variables]
        self._program = backend.compiled(self._update, every, NUMBERS, count=1, batch=1)

    def reset(self) -> None:
        """Forget what the optimisers know; averages start from the variables as they are."""
        for optimizer in self.optimizers:
            for variable in optimizer.variables:
                variable.assign(np.zeros(variable.shape, variable.dtype))
        for average, variable in zip(self.averages, self.variables, strict=False):
            average.assign(np.array(variable))

    def __call__(self, inputs, targets, weights, rates, smoothing=0.0, focal=0.0, keep=0.0) -> dict:
        """Train by one batch of `inputs`, `targets` in 0..1 and `weights`, both float32 (N,).

        `rates` are the learning rates of the groups; `keep` is the share of the averages that
        stays. Returns the loss and the accuracy of the batch as tensors.
        """
        batch = {
            "inputs": inputs,
            "targets": targets,
            "weights": weights,
            "rates": np.asarray(rates, "float32"),
            "smoothing": np.float32(smoothing),
            "focal": np.float32(focal),
            "keep": np.float32(keep),
        }
        return self._program({k: ops.convert_to_tensor(v) for k, v in batch.items()})

    def _update(self, batch: dict) -> dict:
        logits, pull = backend.vjp(
            lambda: self.model(ops.cast(batch["inputs"], "float32"), training=True)[:, 0],
            self.variables,
            self._state,
        )
        targets = smoothed(batch["targets"], batch["smoothing"])

        def loss(logits):
            each = cross_entropy(logits, targets, batch["focal"])
            return ops.mean(each * batch["weights"]), ()

        found = backend.gradients(loss, [], logits)
        slopes = iter(pull(found.inputs))
        for index, (optimizer, group) in enumerate(zip(self.optimizers, self.groups, strict=True)):
            optimizer.learning_rate.assign(batch["rates"][index])
            kernels.apply_adam(optimizer, [next(slopes) for _ in group], group)
        for average, variable in zip(self.averages, self.variables, strict=False):
            average.assign(variable.value + batch["keep"] * (average.value - variable.value))
        right = ops.equal(logits > 0, batch["targets"] > 0.5)
        return {"loss": found.loss, "accuracy": ops.mean(ops.cast(right, "float32"))}
