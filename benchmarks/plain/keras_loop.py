"""The stock way of training a GAN in Keras: a `train_step`, compiled by `fit`."""

import keras
import numpy as np
import tensorflow as tf

from ufgen.gan import losses
from ufgen.gan.diffaugment import augment, draw_changes
from ufgen.gan.networks import build_discriminator, build_generator, noise_size
from ufgen.gan.step import DIFFERENCE


class PlainGAN(keras.Model):
    """ufgen's networks and losses in float32; both updates from one pass."""

    def __init__(self, recipe, classes: int):
        super().__init__()
        keras.utils.set_random_seed(recipe.seed)
        self.recipe, self.random = recipe, keras.random.SeedGenerator(recipe.seed)
        self.generator = build_generator(recipe, classes)
        self.discriminator = build_discriminator(recipe, classes)
        self.averaged = build_generator(recipe, classes)
        self.generator_optimizer = keras.optimizers.Adam(
            recipe.generator_learning_rate, recipe.beta1, recipe.beta2
        )
        self.discriminator_optimizer = keras.optimizers.Adam(
            recipe.discriminator_learning_rate, recipe.beta1, recipe.beta2
        )

    def changed(self, images):
        recipe = self.recipe
        changes = draw_changes(self.random, recipe.batch, recipe.diffaugment, recipe.resolution)
        return augment(images, changes)

    def train_step(self, data):
        real, labels = data
        recipe = self.recipe
        latents = tf.random.normal((recipe.batch, recipe.latent_dim))
        noise = tf.random.normal((recipe.batch, noise_size(recipe)))
        if recipe.flip:
            real = tf.where(
                tf.random.uniform((recipe.batch, 1, 1, 1)) < 0.5, real[:, :, ::-1], real
            )
        with tf.GradientTape() as generator_tape, tf.GradientTape() as tape:
            fake = self.generator([latents, labels, noise], training=True)
            seen = self.changed(real), self.changed(fake)
            logits = [self.discriminator([images, labels], training=True) for images in seen]
            loss = losses.discriminator_loss(recipe.loss, *logits) + self.penalty(seen, labels)
            generator_loss = losses.generator_loss(recipe.loss, *logits)
        for tape_of, of, network, optimizer in (
            (tape, loss, self.discriminator, self.discriminator_optimizer),
            (generator_tape, generator_loss, self.generator, self.generator_optimizer),
        ):
            trained = network.trainable_variables
            optimizer.apply_gradients(zip(tape_of.gradient(of, trained), trained, strict=True))
        for mean, new in zip(self.averaged.variables, self.generator.variables, strict=True):
            mean.assign(mean + 0.01 * (new - mean))
        return {"generator_loss": generator_loss, "discriminator_loss": loss}

    def penalty(self, seen, labels):
        recipe = self.recipe
        if not recipe.r1 + recipe.r2:
            return 0.0

        def found():
            return recipe.penalty_every * sum(
                weight * self.roughness(images, labels)
                for weight, images in zip((recipe.r1, recipe.r2), seen, strict=True)
                if weight
            )

        due = self.discriminator_optimizer.iterations % recipe.penalty_every == 0
        return tf.cond(due, found, lambda: tf.zeros(()))

    def roughness(self, images, labels):
        def logits(images):
            return self.discriminator([images, labels], training=True)

        if self.recipe.penalty == "exact":
            with tf.GradientTape() as tape:
                tape.watch(images)
                total = tf.reduce_sum(logits(images))
            return losses.gradient_penalty(tape.gradient(total, images))
        moved = logits(images + DIFFERENCE * tf.random.normal(tf.shape(images)))
        return losses.difference_penalty(logits(images), moved, DIFFERENCE)


class Loop:
    """`run(steps)` trains by `fit`. XLA stays off: on a CPU it makes this loop slower."""

    def __init__(self, recipe, pixels: np.ndarray, labels: np.ndarray):
        images = pixels.astype("float32") / 127.5 - 1
        data = tf.data.Dataset.from_tensor_slices((images, labels))
        data = data.shuffle(len(labels)).repeat().batch(recipe.batch, drop_remainder=True)
        self.data = data.prefetch(tf.data.AUTOTUNE)
        self.model = PlainGAN(recipe, int(labels.max()) + 1)
        self.model.compile(jit_compile=False, steps_per_execution=recipe.steps_per_call)

    def parameters(self) -> tuple[int, int]:
        networks = self.model.generator, self.model.discriminator
        return tuple(
            sum(v.value.shape.num_elements() for v in n.trainable_variables) for n in networks
        )

    def run(self, steps: int) -> float:
        history = self.model.fit(self.data, epochs=1, steps_per_epoch=steps, verbose=0)
        return history.history["discriminator_loss"][-1]
