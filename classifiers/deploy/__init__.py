"""A trained classifier outside of ufgen: bundles, and what predicts with them."""

from classifiers.deploy.predictor import Predictor

__all__ = ["Predictor"]
