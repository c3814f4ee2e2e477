"""Batches of one size: every call is given as many rows, and no row is lost or changed."""

import numpy as np
import pytest

from ufgen.batching import in_batches


@pytest.mark.parametrize("count", [1, 3, 4, 5, 9])
def test_every_call_has_one_size_and_every_row_its_result(count):
    sizes = []

    def weighted(x, y):
        sizes.append((len(x), len(y)))
        return x * y[:, None]

    x, y = np.random.default_rng(0).random((count, 2)), np.arange(count)
    assert np.array_equal(in_batches(weighted, 4, x, y), x * y[:, None])
    assert set(sizes) == {(4, 4)} and len(sizes) == -(-count // 4)
