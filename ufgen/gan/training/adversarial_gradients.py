"""The gradients of the discriminator's loss, with its penalties, and of the generator's."""

from collections.abc import Callable
from typing import NamedTuple

import keras
from keras import ops

from ufgen import backend
from ufgen.backend import Tensor
from ufgen.gan.recipe import Recipe
from ufgen.gan.training import losses
from ufgen.gan.training.diffaugment import augment

DIFFERENCE = 0.05


class DiscriminatorOutput(NamedTuple):
    """The discriminator's logits for a batch, and the augmented images, real before generated."""

    real: Tensor
    fake: Tensor
    images: Tensor


class DiscriminatorPass(NamedTuple):
    """One pass of a batch through both networks, with the gradients of the discriminator's loss.

    Attributes:
        fake: Generated images, (B, H, W, C).
        generator_vjp: From d loss / d fake to the gradients of the generator's variables.
        logits: Logits of the real and the generated images.
        fake_gradient: d discriminator_loss / d fake.
        gradients: Gradients of the discriminator's variables: of its loss and the penalty.
        metrics: Float32 scalars: generator_loss, discriminator_loss, penalty, r_t.
    """

    fake: Tensor
    generator_vjp: Callable[[Tensor], list[Tensor]]
    logits: DiscriminatorOutput
    fake_gradient: Tensor
    gradients: list[Tensor]
    metrics: dict[str, Tensor]


class AdversarialGradients:
    """Gradients of a generator and a discriminator that are trained by a recipe."""

    def __init__(self, recipe: Recipe, generator: keras.Model, discriminator: keras.Model) -> None:
        self.recipe, self.generator, self.discriminator = recipe, generator, discriminator

    def discriminator_pass(
        self, batch: dict, budget_fraction: Tensor, steps_done: Tensor
    ) -> DiscriminatorPass:
        """Generate images, and compute the discriminator's gradients, penalty included.

        Args:
            batch: As `AdversarialStep.sample_batch` returns it, or a shard of it.
            budget_fraction: Fraction of the budget that is spent, scalar in 0..1.
            steps_done: Updates of the discriminator so far: the penalty counts in every
                `penalty_every`-th of them.

        Returns:
            The gradients, and what `generator_gradients` needs.
        """
        recipe = self.recipe
        generator_inputs = [batch["latents"], batch["labels"], batch["noise"]]
        fake, generator_vjp = backend.vjp(
            lambda: self.generator(generator_inputs, training=True),
            self.generator.trainable_variables,
            self.generator.non_trainable_variables,
        )

        def loss(fake: Tensor) -> tuple[Tensor, DiscriminatorOutput]:
            logits = self._logits(batch, fake)
            return losses.discriminator_loss(recipe.loss, logits.real, logits.fake), logits

        adversarial = backend.gradients(loss, self.discriminator.trainable_variables, fake)
        logits: DiscriminatorOutput = adversarial.extra
        penalty, penalty_gradients = self._penalty(
            logits.images, batch, budget_fraction, steps_done
        )
        gradients = [
            a + b for a, b in zip(adversarial.variable_gradients, penalty_gradients, strict=True)
        ]
        metrics = {
            "generator_loss": losses.generator_loss(recipe.loss, logits.real, logits.fake),
            "discriminator_loss": adversarial.loss,
            "penalty": penalty,
            "r_t": ops.mean(ops.sign(logits.real)),
        }
        metrics = {name: ops.cast(value, "float32") for name, value in metrics.items()}
        return DiscriminatorPass(
            fake, generator_vjp, logits, adversarial.input_gradient, gradients, metrics
        )

    def generator_gradients(self, batch: dict, earlier: DiscriminatorPass) -> list[Tensor]:
        """Compute the generator's gradients, after the discriminator's update.

        With updates `together` they are those of the discriminator before its update, whose
        backward pass is reused (`losses.gradient_ratio`). With `alternate` the updated
        discriminator sees the same images again.

        Args:
            batch: The batch or shard that `discriminator_pass` was given.
            earlier: What it returned; it serves once.

        Returns:
            The gradients of the generator's trainable variables, in their order.
        """
        recipe = self.recipe
        if recipe.updates == "together":
            ratio = losses.gradient_ratio(recipe.loss, earlier.logits.real, earlier.logits.fake)
            fake_gradient = earlier.fake_gradient * ops.reshape(ratio, (-1, 1, 1, 1))
            return earlier.generator_vjp(fake_gradient)

        def loss(fake: Tensor) -> Tensor:
            logits = self._logits(batch, fake)
            return losses.generator_loss(recipe.loss, logits.real, logits.fake)

        return earlier.generator_vjp(backend.gradient_of(loss, earlier.fake))

    def _logits(self, batch: dict, fake: Tensor) -> DiscriminatorOutput:
        """Real and generated images through augmentation and discriminator, in one pass."""
        labels = ops.concatenate([batch["labels"], batch["labels"]])
        images = ops.concatenate([batch["real"], fake])
        images = augment(images, batch["augmentation_parameters"])
        logits = self.discriminator([images, labels], training=True)
        count = batch["labels"].shape[0]
        return DiscriminatorOutput(logits[:count], logits[count:], images)

    def _penalty(
        self, images: Tensor, batch: dict, budget_fraction: Tensor, steps_done: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """The gradient penalty and its gradients: zeros except in every `penalty_every`-th step."""
        recipe, variables = self.recipe, self.discriminator.trainable_variables
        zeros = ops.zeros(()), [ops.zeros(v.shape) for v in variables]
        if not recipe.r1 + recipe.r2:
            return zeros
        labels, directions = batch["labels"], batch["random_directions"]
        real, fake = slice(None, labels.shape[0]), slice(labels.shape[0], None)
        strength = recipe.penalty_every * (1 - budget_fraction * (1 - recipe.penalty_end))

        def loss(images: Tensor) -> tuple[Tensor, tuple]:
            terms = [
                weight * self._penalty_term(images[rows], labels, directions[rows])
                for weight, rows in ((recipe.r1, real), (recipe.r2, fake))
                if weight
            ]
            return strength * sum(terms), ()

        def penalty() -> tuple[Tensor, list[Tensor]]:
            result = backend.gradients(loss, variables, images)
            return result.loss, result.variable_gradients

        return ops.cond(steps_done % recipe.penalty_every == 0, penalty, lambda: zeros)

    def _penalty_term(self, images: Tensor, labels: Tensor, directions: Tensor) -> Tensor:
        """R1 of real images, or R2 of generated ones: (B, H, W, C)."""

        def logits(images: Tensor) -> Tensor:
            return self.discriminator([images, labels], training=True)

        if self.recipe.penalty == "exact":
            gradients = backend.gradient_of(lambda x: ops.mean(logits(x), -1), images)
            return losses.gradient_penalty(gradients)
        moved = logits(images + DIFFERENCE * directions)
        return losses.difference_penalty(logits(images), moved, DIFFERENCE)
