"""Weights as numbers, and ratios that are undefined without a warning."""

import warnings

import numpy as np

from classifiers.evaluation.weighting import labels_and_weights, ratio


def test_weights_are_float64_whatever_they_are_given_as():
    for weights in ([2, 0], np.array([2, 0], "float32"), None):
        labels, found = labels_and_weights([1, 0], weights)
        assert labels.tolist() == [1, 0] and found.dtype == np.float64
        assert found.tolist() == ([1, 1] if weights is None else [2, 0])


def test_a_ratio_to_nothing_is_undefined_and_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ratio([1.0, 0.0, 3.0, 1.0], [0.0, 0.0, 2.0, -1.0])
        assert np.array_equal(found, [np.nan, np.nan, 1.5, np.nan], equal_nan=True)
        assert np.isnan(ratio(1.0, 0.0)) and ratio(1.0, 4.0) == 0.25
