"""Heatmaps against automatic differentiation, and sanity checks of explanations."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import ops

from classifiers import registry
from classifiers.evaluation import prediction_text
from classifiers.explanation import example_sheet
from classifiers.explanation.grad_cam import explain, with_heatmap
from classifiers.explanation.receptive_field import cells
from classifiers.explanation.saliency_box import enlarge, salient_box
from classifiers.model_folder import zero_heatmaps
from ufgen import backend
from ufgen.display import figure_style

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (3, 96, 96, 1), dtype=np.uint8)


def _network(name):
    keras.utils.set_random_seed(1)
    network = registry.build(name, 96, 1)
    for layer in network.head.layers:
        if isinstance(layer, keras.layers.Dense):
            layer.bias.assign(RNG.normal(0, 0.1, layer.bias.shape))
    return network


def _evenly(maps, first):
    """Maps (N, h, h) whose cells are centred on pixels first, first + 32 ...: (N, 12, 12)."""
    even, positions = np.arange(12) * 8 + 3.5, np.arange(maps.shape[1]) * 32 + first

    def along(axis, maps):
        return np.apply_along_axis(lambda line: np.interp(even, positions, line), axis, maps)

    return along(1, along(2, maps))


def _by_differentiation(network, pixels, sign, first):
    """Grad-CAM as in its paper: gradients of the logit by automatic differentiation.

    `first` are the pixels on which the first cell of each map is centred.
    """
    shown = ops.convert_to_tensor(pixels.astype("float32"))
    maps = network.feature_maps(shown)
    maps = maps if isinstance(maps, list) else [maps]
    total = 0.0
    for index, features in enumerate(maps):

        def logit(values, index=index):
            taken = [values if i == index else m for i, m in enumerate(maps)]
            averages = ops.concatenate([ops.mean(m, axis=(1, 2)) for m in taken], axis=-1)
            return sign * network.head(averages)

        gradients = np.asarray(backend.gradient_of(logit, features))
        weights = gradients.mean(axis=(1, 2))
        heatmap = np.einsum("nhwf,nf->nhw", np.asarray(features), weights)
        total = total + _evenly(heatmap, first[index])
    return np.maximum(total, 0)


@pytest.mark.parametrize(("name", "first"), [("mobilenet_v3_small", [31]), ("hybrid", [31, 0])])
@pytest.mark.parametrize("of_positive", [True, False])
def test_grad_cam_is_that_of_automatic_differentiation(name, first, of_positive):
    network = _network(name)
    heatmaps = explain(network, PIXELS, of_positive=of_positive)
    expected = _by_differentiation(network, PIXELS, 1 if of_positive else -1, first)
    assert heatmaps.shape == (3, 12, 12) and heatmaps.max() > 0
    assert np.allclose(heatmaps, expected, atol=1e-5 * expected.max(), rtol=1e-3)


@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50", "DenseNet121", "ConvNeXtTiny"])
def test_cells_lie_where_their_gradients_do(name):
    """Padding shifts cells by up to half their distance: by the centre of squared gradients."""
    keras.utils.set_random_seed(0)
    network = getattr(keras.applications, name)(
        weights=None, include_top=False, input_shape=(160, 160, 3)
    )
    images = ops.convert_to_tensor(RNG.normal(0, 50, (4, 160, 160, 3)).astype("float32"))
    gradients = backend.gradient_of(lambda shown: network(shown)[:, 2, 2], images)
    weights = (np.asarray(gradients) ** 2).sum(axis=(0, 3))
    centre = [(weights.sum(axis=a) * np.arange(160)).sum() / weights.sum() for a in (0, 1)]
    first, step = cells(network)
    assert step == 32 and np.allclose(centre, first + 2 * step, atol=5)


def test_grad_cam_plus_plus_by_its_formula():
    network = _network("mobilenet_v3_small")
    shown = ops.convert_to_tensor(PIXELS.astype("float32"))
    maps = np.asarray(network.feature_maps(shown))
    gradients = np.asarray(
        backend.gradient_of(
            lambda m: network.head(ops.mean(m, axis=(1, 2))), ops.convert_to_tensor(maps)
        )
    )
    denominator = 2 * gradients**2 + (gradients**3) * maps.sum(axis=(1, 2), keepdims=True)
    alpha = gradients**2 / np.where(denominator == 0, 1, denominator)
    weights = (alpha * np.maximum(gradients, 0)).sum(axis=(1, 2))
    expected = np.maximum(_evenly(np.einsum("nhwf,nf->nhw", maps, weights), 31), 0)
    heatmaps = explain(network, PIXELS, "grad-cam++")
    assert np.allclose(heatmaps, expected, atol=1e-5 * expected.max(), rtol=1e-3)


def test_the_probability_is_the_models_own():
    network = _network("mobilenet_v3_small")
    both = with_heatmap(network)(PIXELS.astype("float32"))[0]
    own = network.model(PIXELS.astype("float32"))
    assert np.allclose(np.asarray(both), np.asarray(own), atol=1e-6)


def test_the_heatmap_changes_when_the_weights_are_random():
    """Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018."""
    network = _network("mobilenet_v3_small")
    before = explain(network, PIXELS)
    for variable in network.model.trainable_variables:
        if len(variable.shape) > 1:
            variable.assign(RNG.normal(0, np.std(np.array(variable)) + 1e-3, variable.shape))
    after = explain(network, PIXELS)
    assert abs(np.corrcoef(before.ravel(), after.ravel())[0, 1]) < 0.7


def test_the_box_encloses_the_maximum_and_what_is_connected_with_it():
    field = np.zeros((8, 8), "float32")
    field[2, 5] = 1.0
    field[6, 1] = 0.9
    left, top, right, bottom = salient_box(field)
    assert 4.5 / 8 < left < 5.5 / 8 < right < 6.5 / 8 and 1.5 / 8 < top < 2.5 / 8 < bottom < 3.5 / 8
    assert salient_box(np.zeros((4, 4))) is None
    assert salient_box(np.ones((4, 4))) == (0, 0, 1, 1)
    assert enlarge(field, 20, 10).shape == (10, 20)


def test_the_chosen_images_are_what_their_titles_say():
    predictions = pd.DataFrame(
        {
            "path": list("abcdef"),
            "label": ["UF", "UF", "UF", "NUF", "NUF", "NUF"],
            "predicted": ["UF", "NUF", "UF", "NUF", "UF", "NUF"],
            "target": [1, 1, 1, 0, 0, 0],
            "probability": [0.99, 0.05, 0.31, 0.2, 0.9, 0.01],
            "threshold": 0.3,
        }
    )
    chosen = example_sheet.choose(predictions, per_kind=2)
    by_kind = chosen.groupby("kind")["path"].apply(list)
    assert by_kind["wrong"] == ["e", "b"] and by_kind["uncertain"] == ["c", "d"]
    assert by_kind["confident"] == ["a", "f"]


def _few(probability, predicted="UF"):
    metadata = {"path": list("abc"), "label": "UF", "predicted": predicted, "target": 1}
    return pd.DataFrame(metadata | {"probability": probability, "threshold": 0.39}, index=[4, 7, 9])


def test_the_sheet_is_written_without_any_wrong_prediction(tmp_path):
    network = _network("mobilenet_v3_small")

    def heatmaps(pixels, positive):
        return explain(network, pixels, of_positive=positive)

    sheet = example_sheet.write(tmp_path, heatmaps, _few(0.9), PIXELS, "UF")
    table = pd.read_csv(tmp_path / "explanations.csv")
    assert sheet.stat().st_size > 10_000 and set(table["kind"]) == {"confident", "uncertain"}
    assert set(table["probability_UF"]) == {0.9} and set(table["threshold"]) == {0.39}


def test_the_probability_shown_is_that_of_the_class_beside_it(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(figure_style, "save", lambda figure, *paths: shown.append(figure))
    monkeypatch.setattr(example_sheet, "atomic_file", _nowhere)
    example_sheet.write(tmp_path, zero_heatmaps, _few([0.14, 0.386, 0.394], "NUF"), PIXELS, "UF")
    titles = [axes.get_title() for axes in shown[0].axes]
    assert "true class: UF\nP(UF) = 0.14\n→ NUF (threshold 0.39)" in titles
    assert "true class: UF\nP(UF) = 0.386\n→ NUF (threshold 0.390)" in titles
    assert prediction_text.text(0.5, "a", "a", 0.25, "->") == "P(a) = 0.50 -> a (threshold 0.25)"


def test_a_constant_network_has_no_heatmap(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(figure_style, "save", lambda figure, *paths: shown.append(figure))
    monkeypatch.setattr(example_sheet, "atomic_file", _nowhere)
    written = []
    monkeypatch.setattr(pd.DataFrame, "to_csv", lambda table, *a, **k: written.append(table))
    example_sheet.write(tmp_path, zero_heatmaps, _few(0.496), PIXELS, "UF")
    assert {len(axes.images) for axes in shown[0].axes} <= {0, 1}  # the image alone
    assert not any(axes.patches for axes in shown[0].axes)
    assert "No heatmap" in shown[0].get_suptitle()
    assert written[0]["x0"].isna().all()


class _nowhere:
    def __init__(self, path):
        self.path = path

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        return False
