"""Adversarial losses and gradient penalties: pure functions of logits, mean over the batch.

Logits are float32 (N,) or (N, heads); pairs of a real and a generated image share a row.

- non_saturating: Goodfellow et al., Generative adversarial nets, 2014.
- hinge: Lim & Ye, Geometric GAN, 2017.
- relativistic: the pairing loss of Jolicoeur-Martineau, 2019; Huang et al., R3GAN, NeurIPS 2024.
"""

from keras import ops

from ufgen.backend import Tensor


def discriminator_loss(name: str, real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss: low when real logits are high and fake ones are low.

    Args:
        name: One of `ufgen.gan.recipe.LOSSES`.
        real: Logits of real images, (N,) or (N, heads).
        fake: Logits of generated images, in the same shape.

    Returns:
        Scalar.

    Example:
        >>> float(discriminator_loss("hinge", ops.array([2.0]), ops.array([-0.5])))
        0.5
    """
    if name == "non_saturating":
        return ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))
    if name == "hinge":
        return ops.mean(ops.relu(1 - real)) + ops.mean(ops.relu(1 + fake))
    return ops.mean(ops.softplus(fake - real))


def generator_loss(name: str, real: Tensor, fake: Tensor) -> Tensor:
    """The generator's loss: low when the discriminator takes generated images for real.

    Args:
        name: One of `ufgen.gan.recipe.LOSSES`.
        real: Logits of real images, (N,) or (N, heads); only the relativistic loss uses them.
        fake: Logits of generated images, in the same shape.

    Returns:
        Scalar.

    Example:
        >>> float(generator_loss("hinge", ops.array([2.0]), ops.array([-0.5])))
        0.5
    """
    if name == "non_saturating":
        return ops.mean(ops.softplus(-fake))
    if name == "hinge":
        return -ops.mean(fake)
    return ops.mean(ops.softplus(real - fake))


def gradient_ratio(name: str, real: Tensor, fake: Tensor) -> Tensor:
    """Ratio of gradients: (d generator_loss / d fake) / (d discriminator_loss / d fake).

    With it one backward pass through the discriminator serves both updates: Shen et al., Training
    generative adversarial networks in one stage, CVPR 2021. sigmoid(-x) / sigmoid(x) = exp(-x).
    The hinge loss has none: its gradient vanishes where the discriminator is sure.

    Args:
        name: "non_saturating" or "relativistic".
        real: Logits of real images, (N,) or (N, heads).
        fake: Logits of generated images, in the same shape.

    Returns:
        A negative number for each logit, in the same shape.
    """
    margin = -fake if name == "non_saturating" else real - fake
    return -ops.exp(ops.minimum(margin, 40.0))


def gradient_penalty(gradients: Tensor) -> Tensor:
    """R1 (real images) or R2 (generated images): half the mean squared norm of the gradients.

    Mescheder et al., Which training methods for GANs do actually converge?, ICML 2018.

    Args:
        gradients: d logits / d images, (N, H, W, C).

    Returns:
        Scalar.

    Example:
        >>> float(gradient_penalty(ops.ones((3, 2, 2, 1))))
        2.0
    """
    return 0.5 * ops.mean(ops.sum(ops.square(gradients), axis=(1, 2, 3)))


def difference_penalty(logits: Tensor, moved_logits: Tensor, step: float) -> Tensor:
    """`gradient_penalty` by finite differences: no gradient is differentiated again.

    The expected squared derivative along a random direction is the squared norm of the gradient
    (the approximated R1 of Lin et al., 2025).

    Args:
        logits: Logits of images, (N,) or (N, heads).
        moved_logits: Logits of the images moved by `step` times standard normal noise.
        step: Standard deviation of the perturbation of each pixel (images in -1..1).

    Returns:
        Scalar.
    """
    return 0.5 * ops.mean(ops.square((moved_logits - logits) / step))
