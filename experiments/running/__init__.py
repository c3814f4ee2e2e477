"""From a study to finished trials: images, generators, trainings."""
