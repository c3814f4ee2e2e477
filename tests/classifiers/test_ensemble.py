"""Ensembles and test-time augmentation: the means of their parts, by hand."""

import numpy as np
import pandas as pd
import pytest

from classifiers import model_folder
from classifiers.deploy.export import export
from classifiers.explanation.grad_cam import explain
from classifiers.training.augmentation import views
from classifiers.training.settings import Training
from classifiers.training.trainer import Classifier
from ufgen.errors import UserError
from ufgen.images import image_set

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 1), "uint8")
TRAINING = Training(steps=3, batch=4, evaluations=1, precision="float32", test_views=2)


@pytest.fixture(scope="module")
def folder(phantoms, tmp_path_factory):
    images = image_set.scan(phantoms, "UF").split("train")
    out = tmp_path_factory.mktemp("ensemble") / "model"
    steps = []
    model_folder.train(
        images,
        "keras:MobileNet?alpha=0.25",
        out,
        TRAINING,
        size=32,
        members=2,
        seed=5,
        on_step=lambda: steps.append(1),
    )
    assert len(steps) == 6
    return out


def test_the_prediction_is_the_mean_of_the_members(folder):
    saved = model_folder.load(folder)
    network = saved.network
    members = []
    for member in (1, 0):
        saved.ensemble.load_member(member)
        members.append(network.predict(PIXELS, 2))
    assert np.abs(members[0] - members[1]).max() > 1e-6
    np.testing.assert_allclose(saved.ensemble.predict(PIXELS), np.mean(members, axis=0), atol=1e-12)
    np.testing.assert_array_equal(network.predict(PIXELS, 2), members[1])
    history = pd.read_csv(folder / "history.csv")
    assert sorted(history["member"].unique()) == [1, 2]


def test_views_are_averaged_with_the_image_and_do_not_depend_on_other_images(folder):
    network = model_folder.load(folder).network
    by_hand = [
        np.mean([network.predict(PIXELS[i : i + 1])[0], *_of_views(network, PIXELS[i])])
        for i in range(len(PIXELS))
    ]
    np.testing.assert_allclose(network.predict(PIXELS, 2), by_hand, atol=1e-6)
    backwards = network.predict(PIXELS[::-1], 2)[::-1]
    np.testing.assert_allclose(backwards, by_hand, atol=1e-6)
    assert network.predict(PIXELS[:0], 2).shape == (0,)


def _of_views(network: Classifier, image: np.ndarray) -> np.ndarray:
    return np.asarray(network.model(views(image, "light", 2)))[:, 0]


def test_explanations_are_the_mean_of_the_members(folder):
    ensemble, members = model_folder.load(folder).ensemble, []
    for positive in (True, False):
        for member in (1, 0):
            ensemble.load_member(member)
            members.append(explain(ensemble.network.parts, PIXELS, of_positive=positive))
        heatmaps = ensemble.explain(PIXELS, positive)
        np.testing.assert_allclose(heatmaps, np.mean(members[-2:], axis=0), rtol=1e-5)
    assert np.max(members) > 0


def test_it_is_not_exported_and_damage_is_named(folder, tmp_path):
    with pytest.raises(UserError, match="2 members and 2 views"):
        export(folder, tmp_path / "b", "keras")
    hidden = folder / "member_2.weights.h5"
    moved = hidden.rename(tmp_path / hidden.name)
    with pytest.raises(UserError, match="member_2"):
        model_folder.load(folder)
    moved.rename(hidden)
