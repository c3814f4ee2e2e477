"""A trained classifier as a feature extractor."""

from types import SimpleNamespace

import numpy as np
import pytest
from mean_network import MeanNetwork

from classifiers import feature_extractor, model_folder
from ufgen.errors import UserError


def test_a_trained_classifier_is_identified_by_its_kind_and_weights(monkeypatch, tmp_path):
    def load(folder):
        assert folder == tmp_path
        network = MeanNetwork(np.full(4, weight))
        return SimpleNamespace(
            network=SimpleNamespace(parts=SimpleNamespace(embedding=lambda: network)),
            resized=lambda images: images[:, ::2],
            metadata={"classifier": "small"},
        )

    monkeypatch.setattr(model_folder, "load", load)
    weight = 1.0
    one, same = (feature_extractor.by_name(str(tmp_path)) for _ in range(2))
    weight = 2.0
    other = feature_extractor.by_name(str(tmp_path))
    assert one.name == "classifier-small" and one.stamp == same.stamp != other.stamp
    assert len(one.stamp) == 12 and int(one.stamp, 16) >= 0
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3)).astype("uint8")
    assert one.function(images) == pytest.approx(images[:, ::2].mean((1, 2)), rel=1e-6)


def test_what_is_no_extractor_is_said_in_full(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        feature_extractor.by_name("odd")
    assert str(error.value) == (
        "there is no extractor odd: expected texture, efficientnet_lite0, keras:NAME such as "
        "keras:MobileNetV2?alpha=0.35, or the folder of a classifier that `ufgen train` wrote"
    )
