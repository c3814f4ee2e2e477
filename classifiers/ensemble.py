"""Ensembles: classifiers that differ only in their seed."""

from collections.abc import Callable

import numpy as np

from classifiers.explanation.grad_cam import explain
from classifiers.training.initial_weights import set_values
from classifiers.training.trainer import Classifier


class Ensemble:
    """One network that takes the weights of each member in turn; one member is a plain classifier.

    Lakshminarayanan et al., Simple and scalable predictive uncertainty estimation using deep
    ensembles, NeurIPS 2017.

    Args:
        network: The network; between calls it has the weights of the first member.
        members: Values of the network's variables, a list for each member.
        test_views: Test-time augmentation, see `Classifier.predict`.
    """

    def __init__(
        self, network: Classifier, members: list[list[np.ndarray]], test_views: int = 0
    ) -> None:
        self.network = network
        self.members = members
        self.test_views = test_views
        self.load_member(0)

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        """Predict the mean uncalibrated probability of the positive class.

        Args:
            pixels: uint8 (N, size, size, channels).

        Returns:
            float64 (N,).
        """
        return self._mean(lambda: self.network.predict(pixels, self.test_views))

    def explain(self, pixels: np.ndarray, of_positive: bool) -> np.ndarray:
        """Compute the mean Grad-CAM heatmaps of the members.

        Args:
            pixels: uint8 (N, size, size, channels).
            of_positive: Whether the heatmaps are of the positive class, or else of the negative.

        Returns:
            float32 (N, h, w), 0 or more.
        """
        return self._mean(lambda: explain(self.network.parts, pixels, of_positive=of_positive))

    def load_member(self, member: int) -> None:
        """Give the network the weights of a member.

        Args:
            member: Its number, from 0.
        """
        set_values(self.network.model.variables, self.members[member])

    def _mean(self, compute: Callable[[], np.ndarray]) -> np.ndarray:
        if len(self.members) == 1:
            return compute()
        results = []
        for member in range(len(self.members)):
            self.load_member(member)
            results.append(compute())
        self.load_member(0)
        return np.mean(results, axis=0)
