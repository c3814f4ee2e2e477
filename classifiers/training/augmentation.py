"""Classical augmentation policies: random changes of a batch of training images."""

import hashlib
from collections.abc import Callable
from functools import cache, partial
from itertools import count

import numpy as np

from ufgen.errors import UserError

POLICIES = ("none", "light", "seed", "randaugment", "gridmask", "mixup", "cutmix")
MIXING = ("mixup", "cutmix")


def check_policy(name: str) -> None:
    """Raise UserError if there is no policy of that name, or not with this backend of Keras."""
    if name not in POLICIES:
        raise UserError(
            f"there is no augmentation policy {name!r}: expected one of {', '.join(POLICIES)}"
        )
    if name == "gridmask":
        from ufgen.backend import on_tensorflow

        if not on_tensorflow():
            raise UserError(
                "the augmentation gridmask is KerasCV's, which needs TensorFlow as Keras' backend: "
                "unset KERAS_BACKEND, or take cutmix, which hides a part of each image too"
            )


def augmenter(name: str, seed: int) -> Callable[[np.ndarray, np.ndarray], tuple]:
    """A function from the pixels and targets of a batch to changed ones, both float32.

    Pixels (N, H, W, C) in 0..255, C 1 or 3, may be uint8; targets (N,) lie in 0..1 and become soft
    where a policy mixes images. What a move uncovers is black.

    - `light`: flip, shift and zoom up to 10 %, brightness and contrast up to 10 %: anatomically
      plausible.
    - `seed`: flip, shear up to 0.2 (of the distance from the middle) and zoom up to 20 %, each
      side its own: what ImageDataGenerator(shear_range=0.2, zoom_range=0.2, horizontal_flip=True)
      stands for; that of Keras 2 takes the shear in degrees, so that it hardly shows.
    - `randaugment`: two operations of `keras.layers.RandAugment`, drawn for each image: see
      `_randaugment`.
    - `gridmask`: a turned grid of black squares (`keras_cv.layers.GridMask`).
    - `mixup`, `cutmix`: each image mixed with another one of the batch, or with a rectangle of it
      (`keras.layers.MixUp` and `CutMix`).

    Call after call the same seed gives the same changes, whatever other augmenters do. It runs on
    the CPU; a policy is compiled once for each shape of a batch. Raises UserError as
    `check_policy` does.
    """
    check_policy(name)
    if name == "none":
        return lambda pixels, targets: (pixels.astype("float32"), targets)
    from keras import device

    program, states = _program(name)
    calls = count()

    def augment(pixels: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([seed, next(calls)])
        drawn = [rng.integers(0, 2**31, state.shape).astype(state.dtype) for state in states]
        with device("cpu:0"):
            images, targets = program(drawn, pixels, targets)
        return np.asarray(images), np.asarray(targets)

    return augment


def views(image: np.ndarray, policy: str, count: int, seed: int = 0) -> np.ndarray:
    """`count` changed copies of uint8 (H, W, C): float32 (count, H, W, C).

    They depend on the image, the policy and the seed alone.
    """
    content = image.tobytes() + (seed.to_bytes(8, "little") if seed else b"")
    seed = int.from_bytes(hashlib.sha256(content).digest()[:4], "little")
    repeated = np.repeat(image[None], count, axis=0)
    return augmenter(policy, seed)(repeated, np.zeros(count, "float32"))[0]


@cache
def _program(name: str) -> tuple[Callable, list[np.ndarray]]:
    """The compiled policy, from random states, pixels and targets; and the states that it has."""
    from keras import device, ops

    from ufgen import backend

    build = {
        "light": _light,
        "seed": _seed,
        "randaugment": _randaugment,
        "gridmask": _gridmask,
        "mixup": partial(_mixing, "MixUp", alpha=0.2),
        "cutmix": partial(_mixing, "CutMix", factor=(1.0, 1.0)),
    }[name]
    with device("cpu:0"):
        change, variables = build()

    def call(pixels, targets):
        images, targets = change(ops.cast(pixels, "float32"), targets)
        return ops.clip(images, 0, 255), targets

    return backend.function(call, variables), [np.asarray(variable) for variable in variables]


def _light():
    import keras
    from keras import ops

    random = keras.random.SeedGenerator(0)

    def change(images, targets):
        draw = partial(_draw, random, images.shape[0])
        zoom, shift = 1 + draw(0.1), (draw(0.1), draw(0.1))
        images = _moved(images, draw(1.0) < 0, (zoom, zoom), draw(0.0), shift)
        mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
        contrast, brightness = (draw(0.1)[:, None, None, None] for _ in range(2))
        return images + contrast * (images - mean) + 255 * brightness, targets

    return change, [random.state]


def _seed():
    import keras

    random = keras.random.SeedGenerator(0)

    def change(images, targets):
        draw = partial(_draw, random, images.shape[0])
        zoom, nowhere = (1 + draw(0.2), 1 + draw(0.2)), (draw(0.0), draw(0.0))
        return _moved(images, draw(1.0) < 0, zoom, draw(0.2), nowhere), targets

    return change, [random.state]


def _randaugment():
    """Cubuk et al., RandAugment, NeurIPS 2020, with the operations of Keras' layer.

    That layer draws the operations once for a batch, turns images by up to a third of a circle,
    moves and brightens them in one direction only, keeps a single bit when it posterizes, and
    equalizes a batch as if it were one image. Here each image has its own two operations, in ranges
    that suit ultrasound. Solarization, which inverts echoes, is left out, and for grayscale also
    the operation on colours.
    """
    from keras import layers, ops, random

    layer = layers.RandAugment(value_range=(0, 255), factor=0.3, seed=0)
    layer.random_shear = layers.RandomShear(0.1, 0.1, fill_mode="constant", seed=0)
    layer.random_translation = layers.RandomTranslation(0.1, 0.1, fill_mode="constant", seed=0)
    layer.random_rotation = layers.RandomRotation(0.05, fill_mode="constant", seed=0)
    layer.random_brightness = layers.RandomBrightness(0.2, seed=0)
    layer.random_contrast = layers.RandomContrast((0.3, 0.3), seed=0)
    layer.random_posterization = layers.RandomPosterization((4, 8), seed=0)

    def change(images, targets):
        number, channels = images.shape[0], images.shape[-1]
        drawn = layer.get_random_transformation(images)["transforms"]
        for name in ("solarization", "random_color_degeneration")[: 2 if channels == 1 else 1]:
            del drawn[name]
        chosen = random.randint((number, 2), 0, len(drawn), seed=layer.generator)

        def one(row):
            operations = []
            for name, numbers in drawn.items():
                own = {k: v[row][None] for k, v in (numbers or {}).items() if ops.is_tensor(v)}
                operations.append(
                    partial(getattr(layer, name).transform_images, transformation=own)
                )

            def step(index, image):
                return ops.switch(chosen[row, index], operations, image)

            return ops.fori_loop(0, 2, step, images[row][None])[0]

        return ops.map(one, ops.arange(number)), targets

    return change, layer.variables


def _gridmask():
    import keras
    from keras_cv.core import FactorSampler
    from keras_cv.layers import GridMask

    random = keras.random.SeedGenerator(0)

    class Ratio(FactorSampler):
        """Uniform in 0..0.5 as GridMask's own, whose random numbers cannot be repeated."""

        def __call__(self, shape=(), dtype="float32"):
            return keras.random.uniform(shape, 0.0, 0.5, dtype, seed=random)

    layer = GridMask(ratio_factor=Ratio(), seed=1)
    generators = layer._random_generator, layer.random_rotate._random_generator

    def change(images, targets):
        return layer(images), targets

    return change, [random.state, *(generator.state for generator in generators)]


def _mixing(layer: str, **options):
    from keras import layers

    mix = getattr(layers, layer)(seed=0, **options)

    def change(images, targets):
        mixed = mix({"images": images, "labels": targets[:, None]}, training=True)
        return mixed["images"], mixed["labels"][:, 0]

    return change, mix.variables


def _draw(random, number: int, reach: float):
    """Random numbers in -reach..reach: float32 (number,)."""
    import keras

    return keras.random.uniform((number,), -reach, reach, seed=random)


def _moved(images, flip, zoom, shear, shift):
    """Flip, zoom, shear and shift images about their middles; black outside.

    `flip` is boolean (N,), `shear` float32 (N,), `zoom` and `shift` are pairs of these for width
    and height; a shift of 1 is the whole side.
    """
    from keras import ops

    height, width = images.shape[1:3]
    x, y = (width - 1) / 2, (height - 1) / 2
    across, down, none = ops.where(flip, -zoom[0], zoom[0]), zoom[1], ops.zeros_like(shear)
    rows = [across, shear, x - across * x - shear * y + shift[0] * width]
    rows += [none, down, y - down * y + shift[1] * height, none, none]
    return ops.image.affine_transform(images, ops.stack(rows, axis=1), fill_mode="constant")
