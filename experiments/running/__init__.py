"""From a study to finished trials: images, generators, training, evaluation."""
