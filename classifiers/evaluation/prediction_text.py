"""A prediction in words: the probability with the name of its class, and the threshold."""


def text(
    probability: float, positive: str, predicted: str, threshold: float, arrow: str = "→"
) -> str:
    """Format a prediction, with up to six digits where probability and threshold are close.

    Args:
        probability: Of the positive class, in 0..1.
        positive: Name of the positive class.
        predicted: Name of the predicted class.
        threshold: Lowest probability that is predicted positive.
        arrow: What stands before the predicted class.

    Returns:
        One line.

    Example:
        >>> text(0.14, "malignant", "benign", 0.39)
        'P(malignant) = 0.14 → benign (threshold 0.39)'
    """
    digits = 2
    while digits < 6 and f"{probability:.{digits}f}" == f"{threshold:.{digits}f}":
        digits += 1
    return (
        f"P({positive}) = {probability:.{digits}f} {arrow} {predicted} "
        f"(threshold {threshold:.{digits}f})"
    )
