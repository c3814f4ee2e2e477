"""A trained classifier as a folder: train and save one, load it, predict, evaluate and explain."""

from classifiers.model_folder.save_and_load import load
from classifiers.model_folder.saved_classifier import (
    SavedClassifier,
    name_probability_column,
    zero_heatmaps,
)
from classifiers.model_folder.train_model import train

__all__ = ["SavedClassifier", "load", "name_probability_column", "train", "zero_heatmaps"]
