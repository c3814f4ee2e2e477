"""Numbers as a study's pages print them: what is undefined is called so, never 0."""

import re


def number(value, sign: bool = False) -> str:
    """Three decimals, and never a negative zero."""
    if value is None or value != value:
        return "undefined"
    text = f"{value:+.3f}" if sign else f"{value:.3f}"
    return text.lstrip("+-") if float(text) == 0 else text


def interval(row: dict) -> str:
    """The interval of a row of the changes; one that spans every possible change says nothing."""
    low, high = row["low"], row["high"]
    if low is None or low != low:
        return "undefined"
    largest = 2 if row.get("metric") == "mcc" else 1
    if low <= -largest and high >= largest:
        return "not estimable"
    return f"{number(low, True)} to {number(high, True)}"


def share(value) -> str:
    """Whole percents."""
    return "undefined" if value is None or value != value else f"{value:.0%}"


def p_value(value) -> str:
    """Three decimals, or below 0.001."""
    if value is None or value != value:
        return "-"
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def plain(value) -> str:
    """Text that Markdown shows as it is, also inside a table."""
    escaped = re.sub(r"([\\`*_\[\]|<>$])", r"\\\1", str(value))
    return escaped.replace("\\<", "&lt;").replace("\\>", "&gt;").replace("\n", " ")
