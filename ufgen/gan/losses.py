"""Adversarial losses: pure functions of logits, mean over the batch.

Non-saturating logistic loss: Goodfellow et al., Generative adversarial nets, 2014.
"""

from keras import ops


def discriminator_loss(real_logits, fake_logits):
    """softplus(-real) + softplus(fake): low when real logits are high and fake ones are low."""
    return ops.mean(ops.softplus(-real_logits)) + ops.mean(ops.softplus(fake_logits))


def generator_loss(fake_logits):
    """softplus(-fake): low when the discriminator takes the fakes for real."""
    return ops.mean(ops.softplus(-fake_logits))


def gradient_penalty(gradients):
    """R1: half the squared norm of d logits / d images, mean over the batch (Mescheder 2018).

    `gradients` has the shape of the images, (N, H, W, C).
    """
    return 0.5 * ops.mean(ops.sum(ops.square(gradients), axis=(1, 2, 3)))
