"""Fused TensorFlow ops in place of Keras' memory-bound implementations.

The results are Keras' own but for rounding. On JAX, Keras' formulas stay: XLA fuses them.
"""

import keras
from keras import layers

from ufgen.backend import Tensor, on_tensorflow


def apply_adam(
    optimizer: keras.optimizers.Adam, gradients: list[Tensor], variables: list[keras.Variable]
) -> None:
    """Update variables by one step of Adam (Kingma & Ba, ICLR 2015).

    Args:
        optimizer: Plain Adam, built for just these variables.
        gradients: One for each variable, in its shape.
        variables: The variables to update.
    """
    if not on_tensorflow():
        optimizer.apply(gradients, variables)
        return
    import tensorflow as tf

    optimizer.iterations.assign_add(1)
    step = tf.cast(optimizer.iterations.value, "float32")
    hyperparameters = {
        "lr": tf.cast(optimizer.learning_rate.value, "float32"),
        "beta1": optimizer.beta_1,
        "beta2": optimizer.beta_2,
        "beta1_power": optimizer.beta_1**step,
        "beta2_power": optimizer.beta_2**step,
        "epsilon": optimizer.epsilon,
    }
    state = zip(optimizer._momentums, optimizer._velocities, strict=True)
    for gradient, variable, moments in zip(gradients, variables, state, strict=True):
        var, m, v = (x.value.handle for x in (variable, *moments))
        tf.raw_ops.ResourceApplyAdam(var=var, m=m, v=v, grad=gradient, **hyperparameters)


class BatchNormalization(layers.BatchNormalization):
    """Keras' layer, by one fused kernel where its inputs are feature maps (N, H, W, C)."""

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Normalise by the statistics of the batch in training, else by the moving statistics.

        Args:
            inputs: Features, (N, H, W, C) for the fused kernel; other shapes are left to Keras.
            training: Whether to use the batch's statistics and update the moving ones.
            mask: As in Keras; ignored by the fused kernel.

        Returns:
            Normalised features, in the shape and dtype of the inputs.
        """
        if not on_tensorflow() or len(inputs.shape) != 4 or self.axis not in (-1, 3):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        learns = bool(training and self.trainable)
        channels = inputs.shape[-1]
        unused = tf.zeros((0,))
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma.value if self.scale else tf.ones((channels,)),
            offset=self.beta.value if self.center else tf.zeros((channels,)),
            mean=unused if learns else self.moving_mean.value,
            variance=unused if learns else self.moving_variance.value,
            epsilon=self.epsilon,
            is_training=learns,
        )
        if learns:
            count = tf.cast(tf.size(inputs) // channels, "float32")
            biased = variance * (count - 1) / count
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, biased)):
                moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        return outputs


def use_fused_batch_normalization(network: keras.Model) -> None:
    """Turn the batch normalisation of a network built elsewhere into the fused layer, in place.

    Args:
        network: Its layers of class `keras.layers.BatchNormalization` change their class.
    """
    for layer in network.layers:
        if type(layer) is layers.BatchNormalization:
            layer.__class__ = BatchNormalization
