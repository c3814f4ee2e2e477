"""ufgen's own training step, as its trainer runs it."""

import time

import numpy as np

from ufgen import precision
from ufgen.gan.generator_folder import resolve_precision
from ufgen.gan.training.adversarial_step import AdversarialStep, device_constants


class Loop:
    """`run(steps)` trains, in the precision that ufgen trains the recipe in."""

    def __init__(self, recipe, pixels: np.ndarray, labels: np.ndarray):
        self.recipe, classes = recipe, int(labels.max()) + 1
        self.constants = device_constants(recipe, pixels, labels)
        chosen = resolve_precision(recipe).precision
        self.networks = AdversarialStep(recipe, classes, precision.POLICIES[chosen])
        self.program = self.networks.program(recipe.steps_per_call)
        self.metadata = {"precision": chosen, "gflop_per_image": self.work()}

    def parameters(self) -> tuple[int, int]:
        networks = self.networks.generator, self.networks.discriminator
        return tuple(sum(int(np.prod(v.shape)) for v in n.trainable_variables) for n in networks)

    def run(self, steps: int) -> float:
        for _ in range(steps // self.recipe.steps_per_call):
            numbers = self.program(self.constants)
        float(numbers["discriminator_loss"])
        return time.perf_counter()

    def work(self) -> float:
        """GFLOP a real image: forward and twice that backward, the discriminator on two images.

        Without the gradient penalty, so that recipes with one do a little more.
        """
        generator, discriminator = map(
            products, (self.networks.generator, self.networks.discriminator)
        )
        return 2 * 3 * (generator + 2 * discriminator) / 1e9


def products(network) -> int:
    """Multiplications of one image in the convolutions and dense layers."""
    total = 0
    for layer in network.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            transposed = "Transpose" in type(layer).__name__
            shape = (layer.input if transposed else layer.output).shape
            total += int(np.prod(kernel.shape)) * int(np.prod(shape[1:-1]))
    return total
