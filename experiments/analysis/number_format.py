"""Numbers as a study's pages print them: an undefined number is called so, never 0."""

import re
from typing import Any


def number(value: float | None, sign: bool = False) -> str:
    """Format a number with three decimals, and without a negative zero.

    Args:
        value: The number; None or NaN where it is undefined.
        sign: Whether a positive number has a sign.

    Returns:
        The text.

    Example:
        >>> number(0.12345, sign=True), number(-0.0004), number(None)
        ('+0.123', '0.000', 'undefined')
    """
    if value is None or value != value:
        return "undefined"
    text = f"{value:+.3f}" if sign else f"{value:.3f}"
    return text.lstrip("+-") if float(text) == 0 else text


def interval(row: dict) -> str:
    """Format the interval of a change.

    Args:
        row: A row of the deltas with low and high, and the metric, which is on a wider scale for
            mcc.

    Returns:
        The text; "not estimable" for an interval that spans every possible change.

    Example:
        >>> interval({"low": -0.074, "high": 0.027})
        '-0.074 to +0.027'
    """
    low, high = row["low"], row["high"]
    if low is None or low != low:
        return "undefined"
    largest = 2 if row.get("metric") == "mcc" else 1
    if low <= -largest and high >= largest:
        return "not estimable"
    return f"{number(low, True)} to {number(high, True)}"


def percent(value: float | None) -> str:
    """Format a fraction as a whole percentage.

    Args:
        value: A fraction from 0 to 1; None or NaN where it is undefined.

    Returns:
        The text.

    Example:
        >>> percent(0.256)
        '26%'
    """
    return "undefined" if value is None or value != value else f"{value:.0%}"


def p_value(value: float | None) -> str:
    """Format a p-value.

    Args:
        value: The p-value; None or NaN where it is undefined.

    Returns:
        Three decimals, "below 0.001", or "-".

    Example:
        >>> p_value(0.25), p_value(0.0004), p_value(None)
        ('0.250', 'below 0.001', '-')
    """
    if value is None or value != value:
        return "-"
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def escape_markdown(value: Any) -> str:
    r"""Escape text for Markdown, also inside a table.

    Args:
        value: What is printed as text.

    Returns:
        The text that Markdown shows as it is.

    Example:
        >>> print(escape_markdown("a|b *c* <script>"))
        a\|b \*c\* &lt;script&gt;
    """
    escaped = re.sub(r"([\\`*_\[\]|<>$])", r"\\\1", str(value))
    return escaped.replace("\\<", "&lt;").replace("\\>", "&gt;").replace("\n", " ")
