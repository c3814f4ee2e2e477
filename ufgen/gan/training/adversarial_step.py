"""One step of adversarial training: both networks, their optimisers, the EMA generator."""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from ufgen import backend, kernels
from ufgen.backend import Tensor
from ufgen.gan.networks.build import build_discriminator, build_generator, noise_size
from ufgen.gan.recipe import Recipe
from ufgen.gan.training import data_parallel
from ufgen.gan.training.adversarial_gradients import AdversarialGradients
from ufgen.gan.training.diffaugment import sample_augmentation_parameters

METRICS = ["generator_loss", "discriminator_loss", "penalty", "r_t", "augmentation"]
EMA_RAMP_UP = 0.05
ADA_IMAGES = 100_000  # in as many at least, the augmentation probability rises from 0 to 1


def device_constants(recipe: Recipe, pixels: np.ndarray, labels: np.ndarray) -> dict[str, Tensor]:
    """Place the training images on the devices, where every step samples its batch from them.

    Args:
        recipe: Its `batch` decides how many devices there are.
        pixels: uint8 (N, H, W, C).
        labels: Class indices, int32 (N,).

    Returns:
        `pixels`, `labels`, and `budget_fraction`: the fraction of the budget that is spent,
        float32, 0 until the trainer replaces it.
    """
    return {
        "pixels": data_parallel.replicate(np.ascontiguousarray(pixels), recipe.batch),
        "labels": data_parallel.replicate(labels, recipe.batch),
        "budget_fraction": ops.convert_to_tensor(np.float32(0)),
    }


class AdversarialStep:
    """The networks and optimisers of a training, and the step that updates them.

    Attributes:
        generator: Network in training.
        discriminator: Network in training.
        ema_generator: float32 network with an exponential moving average of the generator's
            weights.
        images_shown: Variable, real images seen so far.
        augmentation: Variable, probability of each augmentation.
        variables: All state of the training: what a checkpoint holds.
    """

    def __init__(self, recipe: Recipe, classes: int, policy: str = "float32") -> None:
        """Build networks and optimisers with the seed of the recipe.

        Args:
            recipe: Networks, losses and optimisers.
            classes: Number of classes.
            policy: Keras' dtype policy of the networks in training.
        """
        self.recipe = recipe
        keras.utils.set_random_seed(recipe.seed)
        self.generator = build_generator(recipe, classes, policy)
        self.discriminator = build_discriminator(recipe, classes, policy)
        self.gradients = AdversarialGradients(recipe, self.generator, self.discriminator)
        self.ema_generator = build_generator(recipe, classes)
        self.ema_generator.set_weights(self.generator.get_weights())
        self.generator_optimizer = _adam(recipe, recipe.generator_learning_rate)
        self.discriminator_optimizer = _adam(recipe, recipe.discriminator_learning_rate)
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)
        self.random = keras.random.SeedGenerator(recipe.seed)
        self.images_shown = keras.Variable(0.0, trainable=False, name="images_shown")
        self.augmentation = keras.Variable(float(not recipe.ada_target), trainable=False)
        self.learning_rate_scale = keras.Variable(1.0, trainable=False, name="learning_rate_scale")
        self.variables = [
            *self.generator.variables,
            *self.discriminator.variables,
            *self.generator_optimizer.variables,
            *self.discriminator_optimizer.variables,
            *self.ema_generator.variables,
            self.random.state,
            self.images_shown,
            self.augmentation,
            self.learning_rate_scale,
        ]

    def program(self, steps: int) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
        """Compile several steps into one program.

        Args:
            steps: Steps of the program.

        Returns:
            A function from `device_constants` to the means of `METRICS` over its steps.
        """
        return backend.compiled(self.step, self.variables, METRICS, steps, self.recipe.batch)

    def step(self, constants: dict[str, Tensor]) -> dict[str, Tensor]:
        """Sample one batch and update both networks.

        Args:
            constants: As `device_constants` returns them.

        Returns:
            Float32 scalars by name, those of `METRICS`.
        """
        return self.update(self.sample_batch(constants), constants["budget_fraction"])

    def sample_batch(self, constants: dict[str, Tensor]) -> dict:
        """Sample everything random in one step, from the state of `random` alone.

        Args:
            constants: As `device_constants` returns them.

        Returns:
            `real` images (B, H, W, C) in -1..1 with their `labels` (B,); `latents` and `noise`, the
            generator's inputs; `augmentation_parameters`; and `random_directions` for the real and
            the generated images, (2 B, H, W, C), or (0,) without a finite-difference penalty.
        """
        recipe, random = self.recipe, self.random
        rows = keras.random.randint((recipe.batch,), 0, constants["labels"].shape[0], seed=random)
        real = ops.cast(ops.take(constants["pixels"], rows, axis=0), "float32") / 127.5 - 1
        if recipe.flip:
            mirrored = keras.random.uniform((recipe.batch, 1, 1, 1), seed=random) < 0.5
            real = ops.where(mirrored, ops.flip(real, axis=2), real)
        return {
            "real": real,
            "labels": ops.take(constants["labels"], rows, axis=0),
            "latents": keras.random.normal((recipe.batch, recipe.latent_dim), seed=random),
            "noise": keras.random.normal((recipe.batch, noise_size(recipe)), seed=random),
            "augmentation_parameters": sample_augmentation_parameters(
                random,
                2 * recipe.batch,
                recipe.diffaugment,
                recipe.resolution,
                self.augmentation.value,
            ),
            "random_directions": self._random_directions(),
        }

    def _random_directions(self) -> Tensor:
        """Standard normal directions for `losses.difference_penalty`; empty where there is none."""
        recipe = self.recipe
        if recipe.penalty == "exact" or not recipe.r1 + recipe.r2:
            return ops.zeros((0,))
        shape = (2 * recipe.batch, recipe.resolution, recipe.resolution, recipe.channels)
        return keras.random.normal(shape, seed=self.random)

    def update(self, batch: dict, budget_fraction: Tensor) -> dict[str, Tensor]:
        """Update discriminator, generator and EMA generator by one batch.

        Args:
            batch: As `sample_batch` returns it. If there are several devices, they share it.
            budget_fraction: Fraction of the budget that is spent, scalar in 0..1.

        Returns:
            Float32 scalars by name, those of `METRICS`.
        """
        self._set_learning_rates(budget_fraction)
        steps_done = self.discriminator_optimizer.iterations
        shards = data_parallel.split(batch, self.recipe.batch)
        passes = []
        for device, part in shards:
            with device():
                passes.append(self.gradients.discriminator_pass(part, budget_fraction, steps_done))
        gradients, metrics = data_parallel.mean([(p.gradients, p.metrics) for p in passes])
        variables = self.discriminator.trainable_variables
        kernels.apply_adam(self.discriminator_optimizer, gradients, variables)
        generator_gradients = []
        for (device, part), earlier in zip(shards, passes, strict=True):
            with device():
                generator_gradients.append(self.gradients.generator_gradients(part, earlier))
        gradients = data_parallel.mean(generator_gradients)
        kernels.apply_adam(self.generator_optimizer, gradients, self.generator.trainable_variables)
        self._update_ema()
        self._adapt_augmentation(metrics["r_t"])
        return metrics | {"augmentation": self.augmentation.value + 0.0}

    def reseed_and_slow_down(self, count: int) -> None:
        """After a divergence: take a new random seed and lower the learning rates.

        Args:
            count: Divergences so far; the learning rates are halved as many times.
        """
        self.learning_rate_scale.assign(0.5**count)
        self.random.state.assign([self.recipe.seed, count * 2**24])

    def _set_learning_rates(self, budget_fraction: Tensor) -> None:
        """Cosine decay from the recipe's learning rates to `learning_rate_end` of them."""
        recipe = self.recipe
        cosine = 0.5 * (1 + ops.cos(np.pi * budget_fraction))
        factor = recipe.learning_rate_end + (1 - recipe.learning_rate_end) * cosine
        factor = factor * self.learning_rate_scale
        self.generator_optimizer.learning_rate.assign(recipe.generator_learning_rate * factor)
        self.discriminator_optimizer.learning_rate.assign(
            recipe.discriminator_learning_rate * factor
        )

    def _update_ema(self) -> None:
        """Update the EMA of the generator, with a half-life that ramps up at the start."""
        self.images_shown.assign(self.images_shown + self.recipe.batch)
        half_life = ops.minimum(self.recipe.ema_kimg * 1000, EMA_RAMP_UP * self.images_shown)
        decay = 0.5 ** (self.recipe.batch / half_life)
        for mean, new in zip(self.ema_generator.variables, self.generator.variables, strict=True):
            mean.assign(new + decay * (mean - new))

    def _adapt_augmentation(self, r_t: Tensor) -> None:
        """Raise the augmentation probability while the discriminator overfits, else lower it.

        `r_t`, the mean sign of the real logits, is ADA's overfitting heuristic: 0 without, 1 with
        complete overfitting (Karras et al., Training GANs with limited data, NeurIPS 2020).
        """
        if self.recipe.ada_target:
            change = ops.sign(r_t - self.recipe.ada_target) * self.recipe.batch / ADA_IMAGES
            self.augmentation.assign(ops.clip(self.augmentation + change, 0.0, 1.0))


def _adam(recipe: Recipe, learning_rate: float) -> keras.optimizers.Adam:
    return keras.optimizers.Adam(learning_rate, recipe.beta1, recipe.beta2, epsilon=1e-8)
