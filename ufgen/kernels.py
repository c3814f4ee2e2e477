"""TensorFlow's own kernels, where Keras' formula takes many passes over the memory.

The numbers are Keras' own but for rounding. On JAX, Keras' formulas stay: XLA fuses them.
"""

import keras
from keras import layers

from ufgen.backend import on_tensorflow


def apply_adam(optimizer: keras.optimizers.Adam, slopes: list, variables: list) -> None:
    """One update of `variables` by a plain Adam that was built for just these."""
    if not on_tensorflow():
        optimizer.apply(slopes, variables)
        return
    import tensorflow as tf

    optimizer.iterations.assign_add(1)
    step = tf.cast(optimizer.iterations.value, "float32")
    numbers = {
        "lr": tf.cast(optimizer.learning_rate.value, "float32"),
        "beta1": optimizer.beta_1,
        "beta2": optimizer.beta_2,
        "beta1_power": optimizer.beta_1**step,
        "beta2_power": optimizer.beta_2**step,
        "epsilon": optimizer.epsilon,
    }
    state = zip(optimizer._momentums, optimizer._velocities, strict=True)
    for slope, variable, moments in zip(slopes, variables, state, strict=True):
        var, m, v = (x.value.handle for x in (variable, *moments))
        tf.raw_ops.ResourceApplyAdam(var=var, m=m, v=v, grad=slope, **numbers)


class BatchNormalization(layers.BatchNormalization):
    """Keras' layer, by one kernel where its inputs are feature maps (N, H, W, C)."""

    def call(self, inputs, training=None, mask=None):
        if not on_tensorflow() or len(inputs.shape) != 4 or self.axis not in (-1, 3):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        learns = bool(training and self.trainable)
        channels = inputs.shape[-1]
        unknown = tf.zeros((0,))
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma.value if self.scale else tf.ones((channels,)),
            offset=self.beta.value if self.center else tf.zeros((channels,)),
            mean=unknown if learns else self.moving_mean.value,
            variance=unknown if learns else self.moving_variance.value,
            epsilon=self.epsilon,
            is_training=learns,
        )
        if learns:
            count = tf.cast(tf.size(inputs) // channels, "float32")
            biased = variance * (count - 1) / count
            for moving, found in ((self.moving_mean, mean), (self.moving_variance, biased)):
                moving.assign(moving * self.momentum + found * (1 - self.momentum))
        return outputs


def fuse_batch_normalization(network: keras.Model) -> None:
    """Let the layers of a network that was built elsewhere be `BatchNormalization`."""
    for layer in network.layers:
        if type(layer) is layers.BatchNormalization:
            layer.__class__ = BatchNormalization
