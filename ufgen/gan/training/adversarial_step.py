"""One step of adversarial training: both networks, their optimisers, the averaged generator."""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from ufgen import backend, kernels
from ufgen.gan.networks.build import build_discriminator, build_generator, noise_size
from ufgen.gan.recipe import Recipe
from ufgen.gan.training import data_parallel, losses
from ufgen.gan.training.diffaugment import augment, draw_changes

NUMBERS = ["generator_loss", "discriminator_loss", "penalty", "real_sign", "augmentation"]
RAMP = 0.05
ADA_IMAGES = 100_000
DIFFERENCE = 0.05


def constants_of(recipe: Recipe, pixels: np.ndarray, labels: np.ndarray) -> dict:
    """What a step draws from, on the devices: pixels uint8 (N, H, W, C), labels int32 (N,).

    `progress`, the share of the budget that is spent, is 0 until another one is put in its place.
    """
    return {
        "pixels": data_parallel.constant(np.ascontiguousarray(pixels), recipe.batch),
        "labels": data_parallel.constant(labels, recipe.batch),
        "progress": ops.convert_to_tensor(np.float32(0)),
    }


class Adversaries:
    """All state of a training: `variables` are what a checkpoint holds.

    `generator`, `discriminator` and `averaged` (the generator's averaged weights) are networks,
    built with the seed of the recipe and the given precision `policy`.
    """

    def __init__(self, recipe: Recipe, classes: int, policy: str = "float32"):
        self.recipe = recipe
        keras.utils.set_random_seed(recipe.seed)
        self.generator = build_generator(recipe, classes, policy)
        self.discriminator = build_discriminator(recipe, classes, policy)
        self.averaged = build_generator(recipe, classes)
        self.averaged.set_weights(self.generator.get_weights())
        self.generator_optimizer = _adam(recipe, recipe.generator_learning_rate)
        self.discriminator_optimizer = _adam(recipe, recipe.discriminator_learning_rate)
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)
        self.random = keras.random.SeedGenerator(recipe.seed)
        self.shown = keras.Variable(0.0, trainable=False, name="images_shown")
        self.augmentation = keras.Variable(float(not recipe.ada_target), trainable=False)
        self.learning_rate_scale = keras.Variable(1.0, trainable=False, name="learning_rate_scale")
        self.variables = [
            *self.generator.variables,
            *self.discriminator.variables,
            *self.generator_optimizer.variables,
            *self.discriminator_optimizer.variables,
            *self.averaged.variables,
            self.random.state,
            self.shown,
            self.augmentation,
            self.learning_rate_scale,
        ]

    def program(self, count: int) -> Callable:
        """`count` steps in one compiled program: a function of `constants_of`, to `NUMBERS`."""
        return backend.compiled(self.step, self.variables, NUMBERS, count, self.recipe.batch)

    def step(self, constants: dict) -> dict:
        """One batch drawn from `constants`, both updates; the numbers called `NUMBERS`.

        `constants` as `constants_of` makes them.
        """
        return self.update(self.draw_batch(constants), constants["progress"])

    def draw_batch(self, constants: dict) -> dict:
        """Everything random in one step; it depends on the state of `random` alone."""
        recipe, random = self.recipe, self.random
        rows = keras.random.randint((recipe.batch,), 0, constants["labels"].shape[0], seed=random)
        real = ops.cast(ops.take(constants["pixels"], rows, axis=0), "float32") / 127.5 - 1
        if recipe.flip:
            chosen = keras.random.uniform((recipe.batch, 1, 1, 1), seed=random) < 0.5
            real = ops.where(chosen, ops.flip(real, axis=2), real)
        draw = {"count": 2 * recipe.batch, "names": recipe.diffaugment, "size": recipe.resolution}
        return {
            "real": real,
            "labels": ops.take(constants["labels"], rows, axis=0),
            "latents": keras.random.normal((recipe.batch, recipe.latent_dim), seed=random),
            "noise": keras.random.normal((recipe.batch, noise_size(recipe)), seed=random),
            "changes": draw_changes(random, **draw, probability=self.augmentation.value),
            "directions": self._directions(),
        }

    def _directions(self):
        recipe = self.recipe
        if recipe.penalty == "exact" or not recipe.r1 + recipe.r2:
            return ops.zeros((0,))
        shape = (2 * recipe.batch, recipe.resolution, recipe.resolution, recipe.channels)
        return keras.random.normal(shape, seed=self.random)

    def update(self, batch: dict, progress) -> dict:
        """Update both networks by `batch` (see `draw_batch`) and the averaged generator.

        With updates `together`, both follow the discriminator as it was: one pass through it, real
        and generated images side by side, gives both slopes (Shen et al., CVPR 2021). If there are
        several devices, they share the batch.
        """
        self._set_learning_rates(progress)
        found = []
        for device, part in data_parallel.shares(batch, self.recipe.batch):
            with device():
                found.append((device, *self._slopes(part, progress)))
        slopes, numbers = data_parallel.mean([(slopes, numbers) for _, slopes, numbers, _ in found])
        trained = self.discriminator.trainable_variables
        kernels.apply_adam(self.discriminator_optimizer, slopes, trained)
        slopes = []
        for device, *_, generator_slopes in found:
            with device():
                slopes.append(generator_slopes())
        trained = self.generator.trainable_variables
        kernels.apply_adam(self.generator_optimizer, data_parallel.mean(slopes), trained)
        self._average()
        self._adapt(numbers["real_sign"])
        return numbers | {"augmentation": self.augmentation.value + 0.0}

    def _slopes(self, batch: dict, progress) -> tuple:
        """The discriminator's slopes, the numbers, and a function that gives the generator's.

        That function is called when the discriminator has been updated.
        """
        recipe, labels = self.recipe, batch["labels"]
        both, half = ops.concatenate([labels, labels]), labels.shape[0]
        fake, pull = backend.vjp(
            lambda: self.generator([batch["latents"], labels, batch["noise"]], training=True),
            self.generator.trainable_variables,
            self.generator.non_trainable_variables,
        )

        def judge(fake):
            seen = augment(ops.concatenate([batch["real"], fake]), batch["changes"])
            logits = self.discriminator([seen, both], training=True)
            return logits[:half], logits[half:], seen

        def discriminator_loss(fake):
            real_logits, fake_logits, seen = judge(fake)
            loss = losses.discriminator_loss(recipe.loss, real_logits, fake_logits)
            return loss, (real_logits, fake_logits, seen)

        found = backend.gradients(discriminator_loss, self.discriminator.trainable_variables, fake)
        real_logits, fake_logits, seen = found.extra

        def generator_slopes():
            if recipe.updates == "together":
                ratio = losses.gradient_ratio(recipe.loss, real_logits, fake_logits)
                return pull(found.inputs * ops.reshape(ratio, (-1, 1, 1, 1)))
            return pull(
                backend.gradient_of(
                    lambda fake: losses.generator_loss(recipe.loss, *judge(fake)[:2]), fake
                )
            )

        penalty, penalty_slopes = self._penalty(seen, both, batch["directions"], progress)
        slopes = [a + b for a, b in zip(found.variables, penalty_slopes, strict=True)]
        numbers = {
            "generator_loss": losses.generator_loss(recipe.loss, real_logits, fake_logits),
            "discriminator_loss": found.loss,
            "penalty": penalty,
            "real_sign": ops.mean(ops.sign(real_logits)),
        }
        return slopes, {k: ops.cast(v, "float32") for k, v in numbers.items()}, generator_slopes

    def _penalty(self, seen, labels, directions, progress):
        """The gradient penalty and its slopes; zeros but in every `penalty_every`-th step."""
        recipe, trained = self.recipe, self.discriminator.trainable_variables
        nothing = [ops.zeros(()), *[ops.zeros(v.shape) for v in trained]]
        if not recipe.r1 + recipe.r2:
            return nothing[0], nothing[1:]
        strength = recipe.penalty_every * (1 - progress * (1 - recipe.penalty_end))
        half = labels.shape[0] // 2
        halves = slice(0, half), slice(half, 2 * half)

        def logits(images, part):
            return self.discriminator([images, labels[part]], training=True)

        def roughness(images, part):
            if recipe.penalty == "exact":
                slope = backend.gradient_of(lambda x: ops.mean(logits(x, part), -1), images)
                return losses.gradient_penalty(slope)
            moved = logits(images + DIFFERENCE * directions[part], part)
            return losses.difference_penalty(logits(images, part), moved, DIFFERENCE)

        def loss(images):
            weighed = [
                weight * roughness(images[part], part)
                for weight, part in zip((recipe.r1, recipe.r2), halves, strict=True)
                if weight
            ]
            return strength * sum(weighed), ()

        def found():
            found = backend.gradients(loss, trained, seen)
            return [found.loss, *found.variables]

        due = self.discriminator_optimizer.iterations % recipe.penalty_every == 0
        value, *slopes = ops.cond(due, found, lambda: nothing)
        return value, slopes

    def reseed_and_slow_down(self, count: int) -> None:
        """After a breakdown: halve the learning rates `count` times, take other random numbers."""
        self.learning_rate_scale.assign(0.5**count)
        self.random.state.assign([self.recipe.seed, count * 2**24])

    def _set_learning_rates(self, progress) -> None:
        recipe = self.recipe
        cosine = 0.5 * (1 + ops.cos(np.pi * progress))
        factor = recipe.learning_rate_end + (1 - recipe.learning_rate_end) * cosine
        factor = factor * self.learning_rate_scale
        self.generator_optimizer.learning_rate.assign(recipe.generator_learning_rate * factor)
        self.discriminator_optimizer.learning_rate.assign(
            recipe.discriminator_learning_rate * factor
        )

    def _average(self) -> None:
        """Exponential average of the generator, with a half-life that grows at the start."""
        self.shown.assign(self.shown + self.recipe.batch)
        half_life = ops.minimum(self.recipe.ema_kimg * 1000, RAMP * self.shown)
        decay = 0.5 ** (self.recipe.batch / half_life)
        for mean, new in zip(self.averaged.variables, self.generator.variables, strict=True):
            mean.assign(new + decay * (mean - new))

    def _adapt(self, sign) -> None:
        """Raise the augmentation's probability while real logits are too often right."""
        if self.recipe.ada_target:
            change = ops.sign(sign - self.recipe.ada_target) * self.recipe.batch / ADA_IMAGES
            self.augmentation.assign(ops.clip(self.augmentation + change, 0.0, 1.0))


def _adam(recipe: Recipe, learning_rate: float) -> keras.optimizers.Adam:
    return keras.optimizers.Adam(learning_rate, recipe.beta1, recipe.beta2, epsilon=1e-8)
