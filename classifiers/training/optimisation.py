"""The training loop: phases, batches and compiled steps, without evaluation."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from classifiers.backbones import Network, set_trainable
from classifiers.training.batches import (
    Examples,
    batches,
    class_weights,
    feature_loader,
    image_loader,
)
from classifiers.training.frozen_features import FrozenFeatures
from classifiers.training.initial_weights import get_values, set_values
from classifiers.training.learning_rate import Plateau, ema_decay, learning_rate
from classifiers.training.settings import Training
from classifiers.training.train_step import METRICS, TrainStep
from ufgen.errors import UserError

DIVERGED = 1e3
"""A training loss that no network recovers from; that of a constant one is 0.69."""


class CompiledSteps:
    """The training steps of a network, each compiled at its first use and kept.

    Where the head alone is trained, without a moving average, it is trained in place, in float32.
    Otherwise a copy of the network in the training precision is trained, and its weights are copied
    back before each evaluation.

    Args:
        network: The network that predicts, in float32.
        build_training_model: Builds the copy; called at its first use.
        pretrained: Whether the backbones have pretrained weights.
    """

    def __init__(
        self, network: Network, build_training_model: Callable[[], Network], pretrained: bool
    ) -> None:
        self._network = network
        self._build_training_model = build_training_model
        self._pretrained = pretrained
        self._training_model: Network | None = None
        self._steps: dict[tuple[str, bool], TrainStep] = {}

    @property
    def training_model(self) -> Network:
        """The copy that is trained."""
        if self._training_model is None:
            self._training_model = self._build_training_model()
        return self._training_model

    def get(self, trained: str, use_ema: bool) -> TrainStep:
        """Look up, or build, the step that trains some of the layers.

        Args:
            trained: "all", "last_block" or "head".
            use_ema: Whether a moving average of the weights is computed.

        Returns:
            The step.
        """
        separate_training_model = trained != "head" or use_ema
        network = self.training_model if separate_training_model else self._network
        set_trainable(network, trained, self._pretrained)  # another batch size traces again
        if (trained, use_ema) not in self._steps:
            head = network.head.trainable_variables
            backbones = [v for b in network.backbones for v in b.trainable_variables]
            model = network.head if trained == "head" else network.logits
            self._steps[trained, use_ema] = TrainStep(
                model, [head, backbones], use_ema, separate_training_model
            )
        return self._steps[trained, use_ema]

    def copy_to_training_model(self) -> None:
        """Copy the weights of the network to the copy that is trained."""
        set_values(self.training_model.model.variables, get_values(self._network.model.variables))

    def copy_to_network(self, step: TrainStep) -> None:
        """Copy the trained weights, or their moving averages, to the network that predicts.

        Args:
            step: The step that trained them.
        """
        averages = dict(zip(map(id, step.variables), step.ema_variables, strict=False))
        variables = [averages.get(id(v), v) for v in self.training_model.model.variables]
        set_values(self._network.model.variables, [np.array(v) for v in variables])


def optimise(
    compiled_steps: CompiledSteps,
    features: FrozenFeatures,
    train: Examples,
    training: Training,
    plateau: Plateau,
    seed: int,
    augmentation: str,
    on_step: Callable[[], None],
) -> Iterator[dict[str, Any]]:
    """Train phase by phase; pause at each evaluation, when the network has the trained weights.

    Args:
        compiled_steps: Of the network.
        features: Its frozen backbones.
        train: Training images.
        training: How to train, with a `backbone_rate`.
        plateau: Reduces the learning rate; may be updated at each pause.
        seed: Of the batches and the augmentation.
        augmentation: An augmentation policy.
        on_step: Called after each optimiser step.

    Yields:
        step, trained (the layers), learning_rate, loss and accuracy (means of the batches since the
        last pause, or since the phase began).

    Raises:
        UserError: Training diverges.
    """
    assert training.backbone_rate is not None
    batch_rows = batches(train, training, seed)
    weight_of_class = class_weights(train.targets, training.balance)
    evaluation_steps = training.evaluation_steps()
    step, separate_training_model = 0, False
    for trained, steps in training.phases():
        train_step = compiled_steps.get(trained, use_ema=training.ema_half_life > 0)
        if train_step.separate_training_model and not separate_training_model:
            compiled_steps.copy_to_training_model()
        separate_training_model = train_step.separate_training_model
        train_step.reset()
        if trained == "head":
            load = feature_loader(features, train, training, augmentation, seed)
        else:
            load = image_loader(train, augmentation, seed)
        batch_metrics = []
        for phase_step in range(1, steps + 1):
            rows = next(batch_rows)
            inputs, targets = load(rows)
            rate = learning_rate(training, phase_step, steps) * plateau.factor
            metrics = train_step(
                inputs,
                targets,
                weight_of_class[train.targets[rows]],
                [rate, rate * training.backbone_rate][: len(train_step.groups)],
                training.label_smoothing,
                training.focal,
                ema_decay(training, phase_step),
            )
            batch_metrics.append(metrics)
            on_step()
            step += 1
            if step in evaluation_steps:
                means = _means(batch_metrics)
                batch_metrics = []
                if not means["loss"] < DIVERGED:
                    raise diverged(f"the training loss is {means['loss']:.3g}", step, training)
                if separate_training_model:
                    compiled_steps.copy_to_network(train_step)
                yield {"step": step, "trained": trained, "learning_rate": rate} | means


def diverged(symptom: str, step: int, training: Training) -> UserError:
    """Explain that training diverges.

    Args:
        symptom: What shows it.
        step: When it was seen.
        training: Gives the learning rate that was too high.

    Returns:
        The error, to be raised.
    """
    return UserError(
        f"{symptom} at step {step}: training diverges. Take a learning rate below "
        f"{training.learning_rate:g}"
    )


def _means(batch_metrics: list[dict[str, Any]]) -> dict[str, float]:
    return {name: float(np.mean([float(m[name]) for m in batch_metrics])) for name in METRICS}
