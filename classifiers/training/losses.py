"""The loss of a batch: a pure function of logits and targets."""

from keras import ops


def cross_entropy(logits, targets, focal=0.0):
    """Binary cross-entropy of each image, or the focal loss with that exponent: (N,).

    `logits` (N,) and `targets` (N,) in 0..1 are float32. Lin et al., Focal loss for dense object
    detection, ICCV 2017: the share t of a positive and 1 - t of a negative image, each weighed by
    (1 - P(its class)) ** focal. Without exponentials that overflow.
    """
    of_positive, of_negative = ops.softplus(-logits), ops.softplus(logits)
    return (
        targets * ops.exp(-focal * of_negative) * of_positive
        + (1 - targets) * ops.exp(-focal * of_positive) * of_negative
    )


def smoothed(targets, share):
    """Targets moved by `share` of their way to 1/2 (Szegedy et al., CVPR 2016)."""
    return targets * (1 - share) + share / 2
