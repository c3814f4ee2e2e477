"""Classifiers that differ in their seed alone, asked together."""

import numpy as np

from classifiers.explanation.grad_cam import explain
from classifiers.training.trainer import Classifier


class Ensemble:
    """One network that takes the weights of each member in turn; one member is a plain classifier.

    Lakshminarayanan et al., Simple and scalable predictive uncertainty estimation using deep
    ensembles, NeurIPS 2017. `members` are the values of the network's variables, a list for each
    member; between calls the network holds those of the first.
    """

    def __init__(self, network: Classifier, members: list[list[np.ndarray]], test_views: int = 0):
        self.network = network
        self.members = members
        self.test_views = test_views
        self.hold(0)

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        """The mean probability of the positive class, (N,), not calibrated: see `Classifier`."""
        return self._mean(lambda: self.network.predict(pixels, self.test_views))

    def explain(self, pixels: np.ndarray, of_positive: bool) -> np.ndarray:
        """The members' mean Grad-CAM of uint8 (N, size, size, channels): (N, h, w)."""
        return self._mean(lambda: explain(self.network.parts, pixels, of_positive=of_positive))

    def hold(self, member: int) -> None:
        """Give the network the weights of a member, counted from 0."""
        for variable, value in zip(self.network.model.variables, self.members[member], strict=True):
            variable.assign(value)

    def _mean(self, answer) -> np.ndarray:
        if len(self.members) == 1:
            return answer()
        found = []
        for member in range(len(self.members)):
            self.hold(member)
            found.append(answer())
        self.hold(0)
        return np.mean(found, axis=0)
