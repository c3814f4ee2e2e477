"""Classical augmentation policies: random changes of a batch of training images."""

import hashlib
from collections.abc import Callable
from functools import cache, partial
from itertools import count
from typing import Any

import numpy as np

from ufgen.errors import UserError

POLICIES = ("none", "light", "seed", "randaugment", "gridmask", "mixup", "cutmix")
MIXING = ("mixup", "cutmix")

Augmenter = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From pixels (N, H, W, C) in 0..255 and targets (N,) to augmented ones, see `augmenter`."""
Policy = tuple[Callable[[Any, Any], tuple[Any, Any]], list]
"""A transformation of tensors, pixels and targets of a batch, and its variables (random states)."""


def check_policy(name: str) -> None:
    """Check that there is an augmentation policy, and that it runs on Keras' backend.

    Args:
        name: One of `POLICIES`.

    Raises:
        UserError: There is none of that name, or it needs another backend.

    Example:
        >>> check_policy("light")
    """
    if name not in POLICIES:
        raise UserError(
            f"there is no augmentation policy {name!r}: expected one of {', '.join(POLICIES)}"
        )
    if name == "gridmask":
        from ufgen.backend import on_tensorflow

        if not on_tensorflow():
            raise UserError(
                "the augmentation gridmask is KerasCV's, which needs TensorFlow as Keras' backend: "
                "unset KERAS_BACKEND, or take cutmix, which also replaces a region of each "
                "image"
            )


def augmenter(name: str, seed: int) -> Augmenter:
    """Create a function that augments batches.

    - `light`: flip, shift and zoom up to 10 %, brightness and contrast up to 10 %: anatomically
      plausible.
    - `seed`: flip, shear up to 0.2 (of the distance from the center) and zoom up to 20 %,
      independently in height and width: what ImageDataGenerator(shear_range=0.2, zoom_range=0.2,
      horizontal_flip=True) is meant to do; that of Keras 2 takes the shear in degrees, so that it
      is hardly visible.
    - `randaugment`: two operations of `keras.layers.RandAugment`, sampled for each image: see
      `_randaugment`.
    - `gridmask`: a rotated grid of black squares (`keras_cv.layers.GridMask`).
    - `mixup`, `cutmix`: each image blended with another one of the batch, or with a rectangle of it
      (`keras.layers.MixUp` and `CutMix`).

    Pixels that a transformation uncovers are black. It runs on the CPU; a policy is compiled once
    for each shape of a batch.

    Args:
        name: One of `POLICIES`.
        seed: Call after call, the same seed gives the same changes, whatever other augmenters do.

    Returns:
        A function of the pixels (N, H, W, C) in 0..255, C 1 or 3, float32 or uint8, and the targets
        (N,) in 0..1 of a batch; it returns float32 pixels, and the targets as they are. Where a
        policy mixes images, the targets are soft, and float32.

    Raises:
        UserError: There is no such policy, or it needs another backend.
    """
    check_policy(name)
    if name == "none":
        return lambda pixels, targets: (pixels.astype("float32"), targets)
    from keras import device

    program, states = _program(name)
    calls = count()

    def augment(pixels: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([seed, next(calls)])
        random = [rng.integers(0, 2**31, state.shape).astype(state.dtype) for state in states]
        with device("cpu:0"):
            images, targets = program(random, pixels, targets)
        return np.asarray(images), np.asarray(targets)

    return augment


def views(image: np.ndarray, policy: str, count: int, seed: int = 0) -> np.ndarray:
    """Augment one image several times; the views depend on the image, the policy and the seed.

    Args:
        image: uint8 (H, W, C), C 1 or 3.
        policy: One of `POLICIES`.
        count: The number of views.
        seed: 0 or more.

    Returns:
        float32 (count, H, W, C) in 0..255.

    Raises:
        UserError: There is no such policy, or it needs another backend.
    """
    content = image.tobytes() + (seed.to_bytes(8, "little") if seed else b"")
    seed = int.from_bytes(hashlib.sha256(content).digest()[:4], "little")
    repeated = np.repeat(image[None], count, axis=0)
    return augmenter(policy, seed)(repeated, np.zeros(count, "float32"))[0]


@cache
def _program(name: str) -> tuple[Callable, list[np.ndarray]]:
    """The compiled policy, of random states, pixels and targets; and its initial random states."""
    from keras import device, ops

    from ufgen import backend

    builders: dict[str, Callable[[], Policy]] = {
        "light": _light,
        "seed": _seed,
        "randaugment": _randaugment,
        "gridmask": _gridmask,
        "mixup": partial(_mixing, "MixUp", alpha=0.2),
        "cutmix": partial(_mixing, "CutMix", factor=(1.0, 1.0)),
    }
    with device("cpu:0"):
        transform, variables = builders[name]()

    def call(pixels: Any, targets: Any) -> tuple[Any, Any]:
        images, targets = transform(ops.cast(pixels, "float32"), targets)
        return ops.clip(images, 0, 255), targets

    return backend.compile_with_state(call, variables), [
        np.asarray(variable) for variable in variables
    ]


def _light() -> Policy:
    import keras
    from keras import ops

    random = keras.random.SeedGenerator(0)

    def transform(images: Any, targets: Any) -> tuple[Any, Any]:
        sample = partial(_uniform, random, images.shape[0])
        zoom, shift = 1 + sample(0.1), (sample(0.1), sample(0.1))
        images = _affine(images, sample(1.0) < 0, (zoom, zoom), sample(0.0), shift)
        mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
        contrast, brightness = (sample(0.1)[:, None, None, None] for _ in range(2))
        return images + contrast * (images - mean) + 255 * brightness, targets

    return transform, [random.state]


def _seed() -> Policy:
    import keras

    random = keras.random.SeedGenerator(0)

    def transform(images: Any, targets: Any) -> tuple[Any, Any]:
        sample = partial(_uniform, random, images.shape[0])
        zoom, shift = (1 + sample(0.2), 1 + sample(0.2)), (sample(0.0), sample(0.0))
        return _affine(images, sample(1.0) < 0, zoom, sample(0.2), shift), targets

    return transform, [random.state]


def _randaugment() -> Policy:
    """Cubuk et al., RandAugment, NeurIPS 2020, with the operations of Keras' layer.

    That layer samples the operations once for a batch, rotates images by up to a third of a circle,
    shifts and brightens them in one direction only, keeps a single bit when it posterizes, and
    equalizes a batch as if it were one image. Here each image has its own two operations, in ranges
    that suit ultrasound. Solarization, which inverts echoes, is left out, and for grayscale also
    the operation on colors.
    """
    from keras import layers, ops, random

    layer = layers.RandAugment(value_range=(0, 255), factor=0.3, seed=0)
    layer.random_shear = layers.RandomShear(0.1, 0.1, fill_mode="constant", seed=0)
    layer.random_translation = layers.RandomTranslation(0.1, 0.1, fill_mode="constant", seed=0)
    layer.random_rotation = layers.RandomRotation(0.05, fill_mode="constant", seed=0)
    layer.random_brightness = layers.RandomBrightness(0.2, seed=0)
    layer.random_contrast = layers.RandomContrast((0.3, 0.3), seed=0)
    layer.random_posterization = layers.RandomPosterization((4, 8), seed=0)

    def transform(images: Any, targets: Any) -> tuple[Any, Any]:
        count, channels = images.shape[0], images.shape[-1]
        sampled = layer.get_random_transformation(images)["transforms"]
        for name in ("solarization", "random_color_degeneration")[: 2 if channels == 1 else 1]:
            del sampled[name]
        chosen = random.randint((count, 2), 0, len(sampled), seed=layer.generator)

        def transform_image(row: Any) -> Any:
            operations = []
            for name, batch in sampled.items():
                own = {k: v[row][None] for k, v in (batch or {}).items() if ops.is_tensor(v)}
                operations.append(
                    partial(getattr(layer, name).transform_images, transformation=own)
                )

            def apply(index: Any, image: Any) -> Any:
                return ops.switch(chosen[row, index], operations, image)

            return ops.fori_loop(0, 2, apply, images[row][None])[0]

        return ops.map(transform_image, ops.arange(count)), targets

    return transform, layer.variables


def _gridmask() -> Policy:
    import keras
    from keras_cv.core import FactorSampler
    from keras_cv.layers import GridMask

    random = keras.random.SeedGenerator(0)

    class Ratio(FactorSampler):
        """Uniform in 0..0.5 like GridMask's own, whose random numbers are not reproducible."""

        def __call__(self, shape: tuple = (), dtype: str = "float32") -> Any:
            return keras.random.uniform(shape, 0.0, 0.5, dtype, seed=random)

    layer = GridMask(ratio_factor=Ratio(), seed=1)
    generators = layer._random_generator, layer.random_rotate._random_generator

    def transform(images: Any, targets: Any) -> tuple[Any, Any]:
        return layer(images), targets

    return transform, [random.state, *(generator.state for generator in generators)]


def _mixing(layer: str, **options: Any) -> Policy:
    from keras import layers

    mix = getattr(layers, layer)(seed=0, **options)

    def transform(images: Any, targets: Any) -> tuple[Any, Any]:
        mixed = mix({"images": images, "labels": targets[:, None]}, training=True)
        return mixed["images"], mixed["labels"][:, 0]

    return transform, mix.variables


def _uniform(random: Any, count: int, limit: float) -> Any:
    """Random numbers in -limit..limit: float32 (count,)."""
    import keras

    return keras.random.uniform((count,), -limit, limit, seed=random)


def _affine(
    images: Any, flip: Any, zoom: tuple[Any, Any], shear: Any, shift: tuple[Any, Any]
) -> Any:
    """Flip, zoom, shear and shift images about their centers; black outside.

    `flip` is boolean (N,), `shear` float32 (N,), `zoom` and `shift` are pairs of these for width
    and height; a shift of 1 is the whole width or height.
    """
    from keras import ops

    height, width = images.shape[1:3]
    x, y = (width - 1) / 2, (height - 1) / 2
    zoom_x, zoom_y, zero = ops.where(flip, -zoom[0], zoom[0]), zoom[1], ops.zeros_like(shear)
    rows = [zoom_x, shear, x - zoom_x * x - shear * y + shift[0] * width]
    rows += [zero, zoom_y, y - zoom_y * y + shift[1] * height, zero, zero]
    return ops.image.affine_transform(images, ops.stack(rows, axis=1), fill_mode="constant")
