"""Deployment: classifiers exported as bundles, and prediction with them."""

from classifiers.deploy.predictor import Predictor

__all__ = ["Predictor"]
