"""The loss of a batch: a pure function of logits and targets."""

from typing import Any

from keras import ops


def binary_cross_entropy(logits: Any, targets: Any, focal: Any = 0.0) -> Any:
    """Compute the binary cross-entropy of each image, or its focal loss.

    The focal loss weights the two terms of the cross-entropy by (1 - P(class)) ** focal (Lin et
    al., Focal loss for dense object detection, ICCV 2017). It is computed from the logits, without
    exponentials that overflow.

    Args:
        logits: (N,), float32.
        targets: P(positive class), (N,) in 0..1, float32.
        focal: Exponent, 0 or more; 0 is the cross-entropy.

    Returns:
        (N,), float32, 0 or more.

    Example:
        >>> import numpy as np
        >>> logits, targets = np.float32([0, 2]), np.float32([1, 1])
        >>> print(np.asarray(binary_cross_entropy(logits, targets)).round(3))
        [0.693 0.127]
    """
    positive_loss, negative_loss = ops.softplus(-logits), ops.softplus(logits)
    return (
        targets * ops.exp(-focal * negative_loss) * positive_loss
        + (1 - targets) * ops.exp(-focal * positive_loss) * negative_loss
    )


def smooth_labels(targets: Any, smoothing: Any) -> Any:
    """Move targets towards 1/2.

    Label smoothing: Szegedy et al., Rethinking the Inception architecture, CVPR 2016.

    Args:
        targets: (N,) in 0..1.
        smoothing: Fraction of the way, in 0..1.

    Returns:
        The shape of `targets`.

    Example:
        >>> import numpy as np
        >>> smooth_labels(np.array([0.0, 1.0]), 0.2).tolist()
        [0.1, 0.9]
    """
    return targets * (1 - smoothing) + smoothing / 2
