"""A prediction in words: the probability with the name of its class, and the threshold."""


def text(
    probability: float, positive: str, predicted: str, threshold: float, arrow: str = "→"
) -> str:
    """P(malignant) = 0.14 → benign (threshold 0.39).

    As many digits as show on which side of the threshold the probability lies, up to six.
    """
    digits = 2
    while digits < 6 and f"{probability:.{digits}f}" == f"{threshold:.{digits}f}":
        digits += 1
    return (
        f"P({positive}) = {probability:.{digits}f} {arrow} {predicted} "
        f"(threshold {threshold:.{digits}f})"
    )
