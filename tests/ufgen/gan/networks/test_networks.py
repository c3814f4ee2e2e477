"""The networks at every resolution: shapes, range, and that their inputs matter."""

import itertools

import numpy as np
import pytest

from ufgen.environment import prepare

prepare()

import keras  # noqa: E402
from PIL import Image  # noqa: E402

from ufgen import pretrained  # noqa: E402
from ufgen.errors import UserError  # noqa: E402
from ufgen.gan.networks import projected  # noqa: E402
from ufgen.gan.networks.build import build_discriminator, build_generator, noise_size  # noqa: E402
from ufgen.gan.networks.layers import Enlarge, FromPatches, ToPatches  # noqa: E402
from ufgen.gan.recipe import RESOLUTIONS, Recipe, load_recipe  # noqa: E402


def inputs(recipe: Recipe, count: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [
        rng.standard_normal((count, recipe.latent_dim), "float32"),
        (np.arange(count) % 2).astype("int32"),
        rng.standard_normal((count, noise_size(recipe)), "float32"),
    ]


SMALL = [
    {"architecture": "dcgan"},
    {"architecture": "residual", "patch": 2, "minibatch_stddev": True, "updates": "alternate"},
]


@pytest.mark.parametrize(
    ("resolution", "channels", "fields"), list(itertools.product(RESOLUTIONS, (1, 3), SMALL))
)
def test_networks_fit_every_resolution_and_channel_count(resolution, channels, fields):
    recipe = Recipe(resolution=resolution, channels=channels, width=2, latent_dim=8, **fields)
    latents, labels, noise = inputs(recipe, 4)
    images = np.asarray(build_generator(recipe, 2)([latents, labels, noise]))
    assert images.shape == (4, resolution, resolution, channels)
    assert images.dtype == np.float32
    assert np.abs(images).max() <= 1
    assert images.std() > 0
    assert build_discriminator(recipe, 2)([images, labels]).shape == (4, 1)


def test_latents_labels_and_noise_each_change_the_image():
    recipe = Recipe(resolution=32, width=4)
    generator = build_generator(recipe, 2)
    latents, labels, noise = inputs(recipe, 4)
    base = np.asarray(generator([latents, labels, noise]))
    for changed in (
        [latents[::-1], labels, noise],
        [latents, 1 - labels, noise],
        [latents, labels, noise[::-1]],
    ):
        assert np.abs(np.asarray(generator(changed)) - base).max() > 0


def test_the_discriminator_depends_on_the_label():
    recipe = Recipe(resolution=32, width=4)
    images = np.random.default_rng(0).uniform(-1, 1, (3, 32, 32, 1)).astype("float32")
    discriminator = build_discriminator(recipe, 2)
    logits = [np.asarray(discriminator([images, np.full(3, c, "int32")])) for c in (0, 1)]
    assert np.abs(logits[0] - logits[1]).min() > 0


def test_noise_has_a_value_for_each_pixel_of_each_size():
    assert noise_size(Recipe(resolution=32)) == 8 * 8 + 16 * 16 + 32 * 32


def test_bfloat16_networks_give_float32_images_and_logits():
    recipe = Recipe(resolution=32, width=4, architecture="residual")
    images = np.asarray(build_generator(recipe, 2, "mixed_bfloat16")(inputs(recipe, 2)))
    logits = build_discriminator(recipe, 2, "mixed_bfloat16")([images, np.zeros(2, "int32")])
    assert [str(np.asarray(x).dtype) for x in (images, logits)] == ["float32", "float32"]


def test_a_residual_pair_of_patches_loses_no_pixel():
    images = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 3)).astype("float32")
    np.testing.assert_array_equal(np.asarray(FromPatches(4)(ToPatches(4)(images))), images)


def test_enlarging_is_bilinear():
    """As Pillow's bilinear resize, at the edges too."""
    image = np.random.default_rng(0).uniform(-1, 1, (6, 6)).astype("float32")
    expected = np.asarray(Image.fromarray(image).resize((12, 12), Image.Resampling.BILINEAR))
    enlarged = np.asarray(Enlarge()(image[None, ..., None]))[0, ..., 0]
    np.testing.assert_allclose(enlarged, expected, atol=1e-5)


def test_projected_uses_the_features_of_a_frozen_network(tmp_path):
    options = {"alpha": 0.35, "include_top": False, "pooling": "avg", "input_shape": (32, 32, 3)}
    network = keras.applications.MobileNetV2(weights=None, **options)
    network.save_weights(tmp_path / "own.weights.h5")
    recipe = load_recipe(
        "projected", resolution=32, width=4, features_weights=str(tmp_path / "own.weights.h5")
    )
    discriminator = build_discriminator(recipe, 2)
    images = np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 1)).astype("float32")
    assert discriminator([images, np.zeros(4, "int32")]).shape == (4, 3)
    frozen = discriminator.get_layer("frozen")
    assert not frozen.trainable_variables
    assert len(discriminator.trainable_variables) < len(frozen.variables)


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ("keras:MobileNetV2?alpha=0.35", ("block_3_expand", "block_6_expand", "block_13_expand")),
        (
            "keras:MobileNetV3Small",
            ("expanded_conv_1_expand", "expanded_conv_3_expand", "expanded_conv_8_expand"),
        ),
        ("keras:ResNet50", ("conv2_block3_3", "conv3_block4_3", "conv4_block6_3")),
        ("keras:EfficientNetV2B0", ("block2b_project", "block4a_expand", "block6a_expand")),
    ],
)
def test_projected_takes_three_scales_and_no_padding(spec, names):
    """Each is the last of its size: `names` begin that of the last convolution up to there."""
    network, _ = pretrained.build(spec, "none", 64)
    scales = projected.feature_layers(network)
    assert [layer.output.shape[1:3] for layer in scales] == [(16, 16), (8, 8), (4, 4)]
    for layer, name in zip(scales, names, strict=True):
        before = network.layers[: network.layers.index(layer)]
        convolutions = [b for b in before if isinstance(b, keras.layers.Conv2D)]
        assert convolutions[-1].name.startswith(name)
        after = network.layers[network.layers.index(layer) + 1 :]
        sizes = {a.output.shape[1] for a in after if len(a.output.shape) == 4}
        assert layer.output.shape[1] not in sizes


def test_projected_without_its_weights_names_the_local_file(tmp_path):
    recipe = load_recipe("projected", resolution=32, features_weights=str(tmp_path / "no.h5"))
    with pytest.raises(UserError, match="there is no weights file"):
        build_discriminator(recipe, 2)
