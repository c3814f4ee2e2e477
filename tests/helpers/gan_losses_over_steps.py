"""Prints each recipe's losses of ten training steps, and the devices that shared them, as JSON.

Run with either backend, on one device or two, by test_backends.

    python gan_losses_over_steps.py RECIPES_JSON DEVICES

Initial weights and all inputs come from numpy, so that two backends start alike.
"""

import json
import sys

import numpy as np

from ufgen.environment import prepare

prepare()

from keras import ops  # noqa: E402

from ufgen import backend  # noqa: E402
from ufgen.gan.networks.build import noise_size  # noqa: E402
from ufgen.gan.recipe import Recipe  # noqa: E402
from ufgen.gan.training.adversarial_step import METRICS, AdversarialStep  # noqa: E402

STEPS = 10


def batches(recipe: Recipe) -> dict:
    """The batches of ten steps: arrays (10, batch, ...)."""
    rng = np.random.default_rng(3)
    size, batch = recipe.resolution, recipe.batch
    both = (STEPS, 2 * batch)
    return {
        "real": rng.uniform(-1, 1, (STEPS, batch, size, size, 1)),
        "labels": rng.integers(0, 2, (STEPS, batch)).astype("int32"),
        "latents": rng.standard_normal((STEPS, batch, recipe.latent_dim)),
        "noise": rng.standard_normal((STEPS, batch, noise_size(recipe))),
        "translation": rng.integers(-4, 5, (*both, 2)),
        "brightness": rng.uniform(-0.3, 0.3, both),
        "contrast": rng.uniform(-0.3, 0.3, both),
        "cutout": rng.uniform(0, size, (*both, 2)),
        "random_directions": rng.standard_normal((*both, size, size, 1)),
    }


def _normal(rng: np.random.Generator, shape: tuple) -> np.ndarray:
    """Normal weights, half as large as those of He et al., 2015: features fade a little."""
    fan_in = np.prod(shape[:-1]) if len(shape) > 1 else 100
    return rng.standard_normal(shape) * np.sqrt(0.5 / fan_in)


def losses(recipe: Recipe) -> dict:
    networks = AdversarialStep(recipe, 2)
    rng = np.random.default_rng(2)
    for network in (networks.generator, networks.discriminator):
        for variable in network.trainable_variables:
            variable.assign(_normal(rng, variable.shape))
    inputs = {
        name: ops.convert_to_tensor(values if name == "labels" else values.astype("float32"))
        for name, values in batches(recipe).items()
    }

    def step(constants: dict) -> dict:
        index = ops.cast(networks.images_shown.value / recipe.batch, "int32")
        batch = {name: ops.take(values, index, axis=0) for name, values in constants.items()}
        batch["augmentation_parameters"] = {name: batch[name] for name in recipe.diffaugment}
        return networks.update(batch, ops.zeros(()))

    program = backend.compiled(step, networks.variables, METRICS, 1, recipe.batch)
    rows = [{name: float(value) for name, value in program(inputs).items()} for _ in range(STEPS)]
    return {"rows": rows, "devices": backend.devices(recipe.batch)}


def make_devices(count: int) -> None:
    """On TensorFlow, divide the CPU into `count` devices (JAX takes them from XLA_FLAGS)."""
    if backend.on_tensorflow():
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        one = tf.config.LogicalDeviceConfiguration()
        tf.config.set_logical_device_configuration(cpu, [one] * count)


if __name__ == "__main__":
    make_devices(int(sys.argv[2]))
    recipes = {name: Recipe(**fields) for name, fields in json.loads(sys.argv[1]).items()}
    print(json.dumps({name: losses(recipe) for name, recipe in recipes.items()}))
