"""The training loop: state, averaged weights, checkpoints, sample grids."""

import hashlib
import json
import math
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
from keras import ops
from tqdm import tqdm

from ufgen.atomic import whole_file, write_text
from ufgen.errors import UserError
from ufgen.gan import backend, losses
from ufgen.gan.curves import write_loss_curves
from ufgen.gan.diffaugment import augment, draw_changes
from ufgen.gan.networks import build_discriminator, build_generator, noise_size
from ufgen.gan.recipe import Recipe, digest, to_yaml
from ufgen.grids import GRID_COLUMNS, write_grid
from ufgen.imageset import ImageSet

CHECKPOINT_SECONDS = 60
LOG_STEPS = 25


def generator_key(images: ImageSet, pixels: np.ndarray, recipe: Recipe) -> str:
    """16 hexadecimal digits for these training images (in any order), labels and recipe.

    The working `pixels` count too: one image, cropped or padded, makes two generators.
    """
    shown = [hashlib.sha256(np.ascontiguousarray(image)).hexdigest() for image in pixels]
    rows = sorted(zip(images.table["sha256"], images.table["label"], shown, strict=True))
    return hashlib.sha256(json.dumps([rows, digest(recipe)]).encode()).hexdigest()[:16]


def train_generator(
    images: ImageSet, pixels: np.ndarray, recipe: Recipe, root: Path, progress: bool = True
) -> Path:
    """Train a generator in `root/<key>`, go on from its checkpoint, or reuse it: the folder.

    `pixels` are uint8 (N, resolution, resolution, channels), row by row with `images`. The folder
    holds recipe.yaml, training.csv (every image seen), checkpoint.npz, metrics.jsonl, losses.png,
    grids/, snapshot.weights.h5 (averaged weights) and, written last, complete.json. A resumed
    training ends with the weights of an uninterrupted one. Raises UserError when the losses are no
    longer numbers.
    """
    folder = Path(root) / generator_key(images, pixels, recipe)
    if (folder / "complete.json").is_file():
        tqdm.write(f"reusing the generator {folder.name}: same images, same recipe")
        return folder
    order = np.lexsort((images.table["label"], images.table["sha256"]))
    images, pixels = images.select(order), pixels[order]
    write_text(folder / "recipe.yaml", to_yaml(recipe))
    with whole_file(folder / "training.csv") as temporary:
        images.table[["path", "label", "sha256", "source"]].to_csv(temporary, index=False)
    classes = images.classes
    labels = np.searchsorted(classes, images.table["label"]).astype("int32")
    _Training(pixels, labels, classes, recipe, folder).run(progress)
    return folder


def latents_of(recipe: Recipe, seeds: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """The generator's random inputs for each seed sequence: latents and noise, float32."""
    latents, noise = [], []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        latents.append(rng.standard_normal(recipe.latent_dim, "float32"))
        noise.append(rng.standard_normal(noise_size(recipe), "float32"))
    return np.stack(latents), np.stack(noise)


def to_uint8(images) -> np.ndarray:
    """Generator output in -1..1 to uint8 0..255."""
    values = (np.asarray(images, "float32") + 1) * 127.5
    return np.clip(np.rint(values), 0, 255).astype("uint8")


class _Training:
    """The state of one training: networks, optimisers, averaged generator, step."""

    def __init__(self, pixels, labels, classes, recipe: Recipe, folder: Path):
        self.pixels, self.labels, self.classes = pixels, labels, classes
        self.recipe, self.folder = recipe, folder
        keras.utils.set_random_seed(recipe.seed)
        self.generator = build_generator(recipe, len(classes))
        self.discriminator = build_discriminator(recipe, len(classes))
        self.averaged = build_generator(recipe, len(classes))
        self.averaged.set_weights(self.generator.get_weights())
        rates = (recipe.generator_learning_rate, recipe.discriminator_learning_rate)
        self.generator_optimizer, self.discriminator_optimizer = (
            keras.optimizers.Adam(rate, recipe.beta1) for rate in rates
        )
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)
        self.variables = [
            *self.generator.variables,
            *self.discriminator.variables,
            *self.generator_optimizer.variables,
            *self.discriminator_optimizer.variables,
            *self.averaged.variables,
        ]
        self.step, self.metrics = 0, []
        self._steps = {
            penalised: backend.compiled(self._step_function(penalised), self.variables)
            for penalised in (False, True)
        }
        self._restore()

    def run(self, progress: bool) -> None:
        """Train to the end of the budget; Ctrl-C leaves a checkpoint of a whole step."""
        recipe, total = self.recipe, self.recipe.steps()
        saved, since = time.monotonic(), {"time": time.monotonic(), "step": self.step}
        grid_every = max(1, round(recipe.grid_kimg * 1000 / recipe.batch))
        bar = tqdm(
            total=total * recipe.batch,
            initial=self.step * recipe.batch,
            unit="img",
            unit_scale=True,
            desc="training the generator",
            disable=not progress,
        )
        with bar, _deferred_interrupt() as interrupted:
            while self.step < total:
                penalised = recipe.r1 > 0 and self.step % recipe.r1_every == 0
                numbers = self._steps[penalised](self._batch(self.step))
                self.step += 1
                bar.update(recipe.batch)
                if self.step % LOG_STEPS == 0 or self.step == total:
                    self._log(numbers, since)
                    last = self.metrics[-1]
                    bar.set_postfix(
                        G=f"{last['generator_loss']:.2f}", D=f"{last['discriminator_loss']:.2f}"
                    )
                if self.step % grid_every == 0:
                    self._write_grid()
                if interrupted or time.monotonic() - saved > CHECKPOINT_SECONDS:
                    self._checkpoint()
                    saved = time.monotonic()
                if interrupted:
                    raise KeyboardInterrupt
        self._finish()

    def _batch(self, step: int) -> dict:
        """Everything random in one step; it depends on the seed and the step alone."""
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, step])
        rows = rng.integers(0, len(self.pixels), recipe.batch)
        real = self.pixels[rows]
        if recipe.flip:
            flipped = rng.random(recipe.batch) < 0.5
            real[flipped] = real[flipped, :, ::-1]
        changes = [
            draw_changes(rng, 2 * recipe.batch, recipe.diffaugment, recipe.resolution),
            draw_changes(rng, recipe.batch, recipe.diffaugment, recipe.resolution),
        ]
        seen = (step + 1) * recipe.batch
        half_life = min(recipe.average_kimg * 1000, 0.05 * seen)
        return {
            "real": real,
            "labels": self.labels[rows],
            "latents": rng.standard_normal((recipe.batch, recipe.latent_dim), "float32"),
            "noise": rng.standard_normal((recipe.batch, noise_size(recipe)), "float32"),
            "discriminator_changes": changes[0],
            "generator_changes": changes[1],
            "decay": np.float32(0.5 ** (recipe.batch / half_life)),
        }

    def _step_function(self, penalised: bool):
        recipe = self.recipe

        def generate(batch):
            return self.generator(
                [batch["latents"], batch["labels"], batch["noise"]], training=True
            )

        def judge(images, labels, changes):
            return self.discriminator([augment(images, changes), labels], training=True)[:, 0]

        def step(batch):
            real = ops.cast(batch["real"], "float32") / 127.5 - 1
            labels = batch["labels"]
            fake = ops.stop_gradient(generate(batch))

            def discriminator_loss():
                images, both = ops.concatenate([real, fake]), ops.concatenate([labels, labels])
                logits = judge(images, both, batch["discriminator_changes"])
                loss = losses.discriminator_loss(logits[: recipe.batch], logits[recipe.batch :])
                if penalised:
                    slope = backend.gradient_of(
                        lambda x: self.discriminator([x, labels], training=True), real
                    )
                    loss = loss + recipe.r1 * recipe.r1_every * losses.gradient_penalty(slope)
                return loss

            def generator_loss():
                return losses.generator_loss(
                    judge(generate(batch), labels, batch["generator_changes"])
                )

            numbers = {}
            for name, network, optimizer, loss in (
                (
                    "discriminator_loss",
                    self.discriminator,
                    self.discriminator_optimizer,
                    discriminator_loss,
                ),
                ("generator_loss", self.generator, self.generator_optimizer, generator_loss),
            ):
                numbers[name], found = backend.gradients(
                    loss, network.trainable_variables, self.variables
                )
                optimizer.apply(found, network.trainable_variables)
            for mean, new in zip(self.averaged.variables, self.generator.variables, strict=True):
                mean.assign(new + batch["decay"] * (mean - new))
            return numbers

        return step

    def _log(self, numbers: dict, since: dict) -> None:
        now = time.monotonic()
        row = {name: float(value) for name, value in numbers.items()}
        if not all(map(math.isfinite, row.values())):
            raise UserError(
                f"the generator's training broke down at {self.step * self.recipe.batch} images: "
                f"the losses are {row}. Try smaller learning rates in the recipe"
            )
        speed = (self.step - since["step"]) * self.recipe.batch / (now - since["time"])
        since.update(time=now, step=self.step)
        shown = self.step * self.recipe.batch / 1000
        self.metrics.append({"kimg": shown, **row, "images_per_second": round(speed, 1)})

    def _write_grid(self) -> None:
        rows = [
            (
                f"{label}\nsynthetic",
                sample(self.averaged, self.recipe, index, range(GRID_COLUMNS), self.recipe.seed),
            )
            for index, label in enumerate(self.classes)
        ]
        shown = self.step * self.recipe.batch // 1000
        title = f"after {shown} thousand images ({self.recipe.name})"
        write_grid(self.folder / "grids" / f"kimg_{shown:05d}.png", rows, title)

    def _checkpoint(self) -> None:
        arrays = {f"v{i:04d}": np.asarray(v) for i, v in enumerate(self.variables)}
        lines = "".join(json.dumps(row) + "\n" for row in self.metrics)
        with whole_file(self.folder / "checkpoint.npz") as temporary:
            np.savez(temporary, step=self.step, metrics=np.array(lines), **arrays)
        write_text(self.folder / "metrics.jsonl", lines)
        if self.metrics:
            write_loss_curves(self.folder / "losses.png", self.metrics)

    def _restore(self) -> None:
        file = self.folder / "checkpoint.npz"
        if not file.is_file():
            return
        with np.load(file, allow_pickle=False) as saved:
            for i, variable in enumerate(self.variables):
                variable.assign(saved[f"v{i:04d}"])
            self.step = int(saved["step"])
            self.metrics = [json.loads(line) for line in str(saved["metrics"]).splitlines()]
        tqdm.write(f"going on with the generator {self.folder.name} at step {self.step}")

    def _finish(self) -> None:
        self._checkpoint()
        self._write_grid()
        snapshot = self.folder / "snapshot.weights.h5"
        with whole_file(snapshot) as temporary:
            self.averaged.save_weights(temporary)
        digested = hashlib.sha256()
        for value in self.averaged.get_weights():
            digested.update(np.ascontiguousarray(value).tobytes())
        about = {
            "classes": self.classes,
            "images_shown": self.step * self.recipe.batch,
            "training_images": len(self.pixels),
            "snapshot": digested.hexdigest()[:16],
        }
        write_text(self.folder / "complete.json", json.dumps(about, indent=1))
        (self.folder / "checkpoint.npz").unlink()


def sample(generator, recipe: Recipe, class_index: int, numbers, seed: int) -> np.ndarray:
    """Draw the images `numbers` (whole numbers) of one class: uint8 (N, H, W, C).

    Image i comes from the random sequence (seed, class, i) alone, whatever else is drawn.
    """
    numbers, size, made = list(numbers), 32, []
    for start in range(0, len(numbers), size):
        part = numbers[start : start + size]
        padded = part + [0] * (size - len(part))
        latents, noise = latents_of(recipe, [[seed, class_index, i] for i in padded])
        labels = np.full(size, class_index, "int32")
        made.append(to_uint8(generator.predict_on_batch([latents, labels, noise]))[: len(part)])
    return np.concatenate(made)


@contextmanager
def _deferred_interrupt():
    """Collect Ctrl-C in a list instead of raising it in the middle of a step."""
    interrupted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    before = signal.signal(signal.SIGINT, lambda number, _: interrupted.append(number))
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
