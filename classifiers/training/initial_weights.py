"""Initial weights by seed, so that a network can be trained again without building it anew."""

import hashlib
import random
from collections.abc import Callable

import keras
import numpy as np

from classifiers.backbones import Network


def get_values(variables: list[keras.Variable]) -> list[np.ndarray]:
    """Copy the values of variables.

    Args:
        variables: Of any shapes.

    Returns:
        An array for each variable.
    """
    return [np.array(variable) for variable in variables]


def set_values(variables: list[keras.Variable], values: list[np.ndarray]) -> None:
    """Assign values to variables.

    Args:
        variables: Of any shapes.
        values: As many arrays, of the same shapes.
    """
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


class InitialWeights:
    """The initial values of a network's variables: weights and the states of its dropout layers.

    They are those that a new network has that is built after `random.seed(seed)`; what is
    pretrained keeps its values.

    Args:
        network: The network, as it was built.
        build: Builds another one like it.
        pretrained: Whether the backbones have pretrained weights: then only the head is random.
    """

    def __init__(self, network: Network, build: Callable[[], Network], pretrained: bool) -> None:
        self._network = network
        self._build = build
        self._pretrained = get_values(network.model.variables) if pretrained else None
        self._seed: int | None = None
        self._values: list[np.ndarray] = []
        self._sha256: str | None = None

    def restore(self, seed: int, variables: list[keras.Variable]) -> None:
        """Give variables of the network their initial values.

        Args:
            seed: The seed of the initial weights.
            variables: Those of the network that are reset.
        """
        if self._seed != seed:
            random.seed(seed)  # Keras seeds layers from it; TensorFlow's own would drop its kernels
            self._seed, self._values, self._sha256 = seed, self._new_values(), None
        initial = dict(zip(map(id, self._network.model.variables), self._values, strict=True))
        set_values(variables, [initial[id(variable)] for variable in variables])

    def sha256(self) -> str:
        """Hash the weights that were restored last.

        Returns:
            Hexadecimal digits.
        """
        if self._sha256 is None:
            digest = hashlib.sha256()
            for value in self._values:
                digest.update(np.ascontiguousarray(value).tobytes())
            self._sha256 = digest.hexdigest()
        return self._sha256

    def _new_values(self) -> list[np.ndarray]:
        """Draw the values of all variables; pretrained backbones need not be built again."""
        with keras.StatelessScope(initialize_variables=False):  # values without variables
            if self._pretrained is None:
                return get_values(self._build().model.variables)
            of_head: dict[int, np.ndarray] = {}
            for layer in self._network.head.layers[1:]:
                new = layer.from_config(layer.get_config())
                new.build(layer.input.shape)
                of_head |= zip(map(id, layer.variables), get_values(new.variables), strict=True)
        pretrained = zip(self._network.model.variables, self._pretrained, strict=True)
        return [of_head.get(id(variable), value) for variable, value in pretrained]
