"""A stand-in for a Keras network whose features are known."""

import numpy as np


class MeanNetwork:
    """A network of weights whose features are the means of the colours."""

    input_shape = (None, 6, 6, 3)

    def __init__(self, *weights):
        self.weights, self.batches = weights, []

    def get_weights(self):
        return list(self.weights)

    def predict_on_batch(self, images):
        self.batches.append(images.shape)
        return images.mean((1, 2)).astype("float64")

    def predict(self, images, batch_size, verbose):
        assert images.dtype == np.float32 and (batch_size, verbose) == (32, 0)
        return images.mean((1, 2))
