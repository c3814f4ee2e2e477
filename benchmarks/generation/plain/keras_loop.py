"""The stock way of training a GAN in Keras: a `train_step`, compiled by `fit`."""

import time

import keras
import numpy as np
import tensorflow as tf

from ufgen.gan.networks.build import build_discriminator, build_generator, noise_size
from ufgen.gan.training import losses
from ufgen.gan.training.adversarial_gradients import DIFFERENCE
from ufgen.gan.training.diffaugment import augment, sample_augmentation_parameters


class PlainGAN(keras.Model):
    """ufgen's networks and losses in float32."""

    def __init__(self, recipe, classes: int):
        super().__init__()
        keras.utils.set_random_seed(recipe.seed)
        self.recipe, self.random = recipe, keras.random.SeedGenerator(recipe.seed)
        self.generator = build_generator(recipe, classes)
        self.discriminator = build_discriminator(recipe, classes)
        self.ema_generator = build_generator(recipe, classes)
        self.generator_optimizer = keras.optimizers.Adam(
            recipe.generator_learning_rate, recipe.beta1, recipe.beta2
        )
        self.discriminator_optimizer = keras.optimizers.Adam(
            recipe.discriminator_learning_rate, recipe.beta1, recipe.beta2
        )

    def changed(self, images):
        recipe = self.recipe
        parameters = sample_augmentation_parameters(
            self.random, recipe.batch, recipe.diffaugment, recipe.resolution
        )
        return augment(images, parameters)

    def train_step(self, data):
        real, labels = data
        if self.recipe.flip:
            chosen = tf.random.uniform((self.recipe.batch, 1, 1, 1)) < 0.5
            real = tf.where(chosen, real[:, :, ::-1], real)
        loss, generator_loss = self.update(real, labels)
        for mean, new in zip(self.ema_generator.variables, self.generator.variables, strict=True):
            mean.assign(mean + 0.01 * (new - mean))
        return {"generator_loss": generator_loss, "discriminator_loss": loss}

    def update(self, real, labels):
        """The discriminator first, then the generator on new images, as in Keras' DCGAN example."""
        fake = self.generated(labels)
        with tf.GradientTape() as tape:
            seen, logits = self.judged(real, fake, labels)
            loss = losses.discriminator_loss(self.recipe.loss, *logits)
            loss += self.penalty(seen, labels)
        self.apply(self.discriminator_optimizer, tape, loss, self.discriminator)
        with tf.GradientTape() as tape:
            _, logits = self.judged(real, self.generated(labels), labels)
            generator_loss = losses.generator_loss(self.recipe.loss, *logits)
        self.apply(self.generator_optimizer, tape, generator_loss, self.generator)
        return loss, generator_loss

    def generated(self, labels):
        latents = tf.random.normal((self.recipe.batch, self.recipe.latent_dim))
        noise = tf.random.normal((self.recipe.batch, noise_size(self.recipe)))
        return self.generator([latents, labels, noise], training=True)

    def judged(self, real, fake, labels):
        seen = self.changed(real), self.changed(fake)
        return seen, [self.discriminator([images, labels], training=True) for images in seen]

    def apply(self, optimizer, tape, loss, network):
        slopes = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(slopes, network.trainable_variables, strict=True))

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


class OnePassGAN(PlainGAN):
    """Tuned: both updates from one pass, as ufgen takes them."""

    def update(self, real, labels):
        with tf.GradientTape() as generator_tape, tf.GradientTape() as tape:
            seen, logits = self.judged(real, self.generated(labels), labels)
            loss = losses.discriminator_loss(self.recipe.loss, *logits)
            loss += self.penalty(seen, labels)
            generator_loss = losses.generator_loss(self.recipe.loss, *logits)
        self.apply(self.discriminator_optimizer, tape, loss, self.discriminator)
        self.apply(self.generator_optimizer, generator_tape, generator_loss, self.generator)
        return loss, generator_loss


class Loop:
    """`run(steps)` trains by `fit`. XLA stays off: on a CPU it makes this loop slower.

    It returns the time at which the last step ended: after it, TensorFlow waits for its own
    threads for up to as long again, which is no part of the training.
    """

    gan, steps_per_execution = PlainGAN, 1

    def __init__(self, recipe, pixels: np.ndarray, labels: np.ndarray):
        images = pixels.astype("float32") / 127.5 - 1
        data = tf.data.Dataset.from_tensor_slices((images, labels))
        data = data.shuffle(len(labels)).repeat().batch(recipe.batch, drop_remainder=True)
        self.data = data.prefetch(tf.data.AUTOTUNE)
        self.model = self.gan(recipe, int(labels.max()) + 1)
        self.model.compile(jit_compile=False, steps_per_execution=self.steps_per_execution)

    def parameters(self) -> tuple[int, int]:
        networks = self.model.generator, self.model.discriminator
        return tuple(
            sum(v.value.shape.num_elements() for v in n.trainable_variables) for n in networks
        )

    def run(self, steps: int) -> float:
        clock = Clock()
        self.model.fit(self.data, epochs=1, steps_per_epoch=steps, verbose=0, callbacks=[clock])
        return clock.time


class TunedLoop(Loop):
    """One pass, and eight steps in one program."""

    gan, steps_per_execution = OnePassGAN, 8


class Clock(keras.callbacks.Callback):
    """When the last batches were done; the losses are asked for, so that they truly are."""

    def on_train_batch_end(self, batch, logs=None):
        float(logs["discriminator_loss"])
        self.time = time.perf_counter()
