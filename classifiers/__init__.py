"""The classifiers under comparison: networks, training, metrics."""
