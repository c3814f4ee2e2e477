"""Numbers as pages print them."""

import numpy as np
import pytest

from experiments.analysis import number_format


@pytest.mark.parametrize(
    ("value", "sign", "text"),
    [
        (0.12345, False, "0.123"),
        (0.12345, True, "+0.123"),
        (-0.5, True, "-0.500"),
        (-0.0004, True, "0.000"),
        (0.0004, True, "0.000"),
        (-0.0004, False, "0.000"),
        (0.0, False, "0.000"),
        (None, True, "undefined"),
        (np.nan, False, "undefined"),
    ],
)
def test_numbers_have_three_decimals_and_no_negative_zero(value, sign, text):
    assert number_format.number(value, sign) == text


@pytest.mark.parametrize(
    ("low", "high", "metric", "text"),
    [
        (-0.074, 0.027, "roc_auc", "-0.074 to +0.027"),
        (np.nan, np.nan, "roc_auc", "undefined"),
        (None, None, "roc_auc", "undefined"),
        (-1.0, 1.0, "roc_auc", "not estimable"),
        (-1.0, 0.9, "roc_auc", "-1.000 to +0.900"),
        (-1.0, 1.0, "mcc", "-1.000 to +1.000"),
        (-2.0, 2.0, "mcc", "not estimable"),
    ],
)
def test_an_interval_of_every_possible_change_says_nothing(low, high, metric, text):
    assert number_format.interval({"low": low, "high": high, "metric": metric}) == text


def test_shares_and_p_values():
    assert [number_format.percent(x) for x in (0.256, 0, np.nan, None)] == [
        "26%", "0%", "undefined", "undefined"
    ]  # fmt: skip
    assert [number_format.p_value(x) for x in (0.0009, 0.001, 0.25, np.nan, None)] == [
        "below 0.001", "0.001", "0.250", "-", "-"
    ]  # fmt: skip


def test_markdown_shows_hostile_text_as_it_is():
    assert number_format.escape_markdown("a|b *c* <script>\n$x") == r"a\|b \*c\* &lt;script&gt; \$x"
