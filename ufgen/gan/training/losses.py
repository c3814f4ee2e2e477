"""Adversarial losses and gradient penalties: pure functions of logits, mean over the batch.

`real` and `fake` are logits (N,) or (N, heads), float32; pairs share a row.

- non_saturating: Goodfellow et al., Generative adversarial nets, 2014.
- hinge: Lim & Ye, Geometric GAN, 2017.
- relativistic: the pairing loss of Jolicoeur-Martineau, 2019; Huang et al., R3GAN, NeurIPS 2024.
"""

from keras import ops


def discriminator_loss(name: str, real, fake):
    """Low when real logits are high and fake ones are low."""
    if name == "non_saturating":
        return ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))
    if name == "hinge":
        return ops.mean(ops.relu(1 - real)) + ops.mean(ops.relu(1 + fake))
    return ops.mean(ops.softplus(fake - real))


def generator_loss(name: str, real, fake):
    """Low when the discriminator takes the fakes for real."""
    if name == "non_saturating":
        return ops.mean(ops.softplus(-fake))
    if name == "hinge":
        return -ops.mean(fake)
    return ops.mean(ops.softplus(real - fake))


def gradient_ratio(name: str, real, fake):
    """(d generator_loss / d fake) / (d discriminator_loss / d fake), logit by logit.

    With it one backward pass through the discriminator serves both updates: Shen et al., Training
    generative adversarial networks in one stage, CVPR 2021. sigmoid(-x) / sigmoid(x) = exp(-x).
    The hinge loss has none: its slope vanishes where the discriminator is sure.
    """
    sure = -fake if name == "non_saturating" else real - fake
    return -ops.exp(ops.minimum(sure, 40.0))


def gradient_penalty(gradients):
    """R1 (real) or R2 (fake): half the squared norm of d logits / d images (Mescheder 2018).

    `gradients` has the shape of the images, (N, H, W, C); mean over the batch.
    """
    return 0.5 * ops.mean(ops.sum(ops.square(gradients), axis=(1, 2, 3)))


def difference_penalty(logits, moved_logits, step: float):
    """The same from the logits of images moved by `step` times standard normal noise.

    The squared slope along a random direction has the squared norm of the gradient as its mean, so
    that no gradient is differentiated again (the approximated R1 of Lin et al., 2025).
    """
    return 0.5 * ops.mean(ops.square((moved_logits - logits) / step))
