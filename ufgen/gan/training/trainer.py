"""The training loop: budget, evaluation, checkpoints, restarts after a divergence."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from ufgen import backend, precision
from ufgen.display import tensorboard
from ufgen.display.figure_style import counted
from ufgen.display.image_grid import GRID_COLUMNS, write_grid
from ufgen.errors import UserError
from ufgen.fidelity.feature_extractors import Extractor, texture
from ufgen.gan.generator_folder import (
    GeneratorFolder,
    generator_key,
    generator_settings_hash,
    report_outdated_generators,
    resolve_precision,
    versions,
)
from ufgen.gan.recipe import Recipe, digest
from ufgen.gan.sampling.latents import sample
from ufgen.gan.training.adversarial_step import METRICS, AdversarialStep, device_constants
from ufgen.gan.training.snapshot_selection import COLLAPSED, DIVERSE, SnapshotEvaluator
from ufgen.gan.training.training_progress import (
    RunningMetrics,
    advance,
    deferred_interrupt,
    progress_bar,
)
from ufgen.gan.training.training_state import TrainingState
from ufgen.images.image_set import ImageSet
from ufgen.progress import Progress, print_line

CHECKPOINT_SECONDS = 60
LOG_SECONDS = 5
RECOVERIES = 3


def train_generator(
    images: ImageSet,
    pixels: np.ndarray,
    recipe: Recipe,
    root: Path,
    show_progress: bool = True,
    extractor: Extractor | None = None,
    on_images: Callable[[int], None] = lambda count: None,
) -> Path:
    """Train a generator, resume its training, or reuse it where it is finished.

    The snapshot is the EMA generator of the evaluation whose images had the smallest kernel
    distance to the training images. A resumed training ends with the weights of an uninterrupted
    one.

    Args:
        images: The training images, in any order.
        pixels: uint8 (N, resolution, resolution, channels), row by row with `images`.
        recipe: Networks, losses, budget.
        root: Folder of generators; this one is in `root/<key>`.
        show_progress: Whether to show a progress bar.
        extractor: The features of the kernel distance, by default `texture`.
        on_images: Called with the images of each program; at first with those before a resumption.

    Returns:
        The generator's folder: see `ufgen.gan.generator_folder`.

    Raises:
        UserError: There are fewer than two images, or the training diverges before its first
            successful evaluation.
    """
    if len(images) < 2:
        found = counted(len(images), "training image")
        raise UserError(f"only {found}: a generator needs several of each class")
    extractor, recipe = extractor or texture(), resolve_precision(recipe)
    folder = GeneratorFolder(Path(root) / generator_key(images, pixels, recipe, extractor))
    with folder.lock():
        if folder.complete:
            print_line(f"reusing the generator {folder.path.name}: same images, same recipe")
            return folder.path
        settings = generator_settings_hash(images, pixels, recipe, extractor)
        report_outdated_generators(folder.path.parent, {settings})
        order = np.lexsort((images.table["label"], images.table["sha256"]))
        images, pixels = images.select(order), pixels[order]
        folder.write_recipe(recipe)
        folder.write_training(images)
        labels = np.searchsorted(images.classes, images.table["label"]).astype("int32")
        training = _Training(pixels, labels, images.classes, recipe, folder, extractor)
        metadata = training.run(show_progress, on_images)
        metadata |= {"recipe": digest(recipe), "settings": settings, "made_by": versions()}
        folder.finish(metadata)
    return folder.path


class _Training:
    """One training: its networks, its state, and its metrics so far."""

    def __init__(
        self,
        pixels: np.ndarray,
        labels: np.ndarray,
        classes: list[str],
        recipe: Recipe,
        folder: GeneratorFolder,
        extractor: Extractor,
    ) -> None:
        self.classes, self.recipe, self.folder = classes, recipe, folder
        self.constants = device_constants(recipe, pixels, labels)
        self.evaluator = SnapshotEvaluator(extractor, pixels, labels, recipe)
        policy = precision.POLICIES[recipe.precision]
        self.networks = AdversarialStep(recipe, len(classes), policy)
        self.program = self.networks.program(recipe.steps_per_call)
        self.state = TrainingState()
        self.metrics: list[dict[str, Any]] = []
        self._restore("checkpoint")
        self.curves = tensorboard.Curves(f"generators/{folder.path.name}")

    def run(self, show_progress: bool, on_images: Callable[[int], None]) -> dict[str, Any]:
        """Train to the end of the budget; the metadata for complete.json.

        Ctrl-C leaves a checkpoint of a whole step.
        """
        recipe = self.recipe
        if (count := len(backend.devices(recipe.batch))) > 1:
            print_line(f"training on {count} devices, which share each batch of {recipe.batch}")
        running, saved = RunningMetrics(), time.monotonic()
        on_images(self.state.step * recipe.batch)
        with (
            progress_bar(recipe, self.state, show_progress) as bar,
            deferred_interrupt() as interrupts,
        ):
            while self.state.budget_fraction(recipe) < 1 and not self._stopped_early():
                metrics = self._timed_program()
                running.add(metrics)
                advance(bar, recipe, self.state)
                on_images(recipe.steps_per_call * recipe.batch)
                evaluation_due = self._evaluation_due()
                if not all(map(math.isfinite, metrics.values())):
                    self._recover(f"the losses are {metrics}")
                    running = RunningMetrics()
                elif evaluation_due or running.seconds() > LOG_SECONDS:
                    self._log(running, bar)
                    if evaluation_due:
                        self._evaluate(bar)
                    running = RunningMetrics()
                if interrupts or time.monotonic() - saved > CHECKPOINT_SECONDS:
                    self._save("checkpoint")
                    saved = time.monotonic()
                if interrupts:
                    raise KeyboardInterrupt
            if self.state.evaluated_step != self.state.step:
                self._evaluate(bar)
        return self._finish()

    def _stopped_early(self) -> bool:
        """Whether it no longer improves, or diverged too often."""
        waited = 0 < self.recipe.patience <= self.state.evaluations_since_best
        return waited or self.state.recoveries > RECOVERIES

    def _evaluation_due(self) -> bool:
        programs = self.state.step // self.recipe.steps_per_call
        images_per_program = self.recipe.batch * self.recipe.steps_per_call
        return programs % max(1, round(self.recipe.evaluate_kimg * 1000 / images_per_program)) == 0

    def _timed_program(self) -> dict[str, float]:
        started, cpu_started = time.monotonic(), time.process_time()
        metrics = self._run_program()
        self.state.step += self.recipe.steps_per_call
        self.state.seconds += time.monotonic() - started
        self.state.cpu_seconds += time.process_time() - cpu_started
        return metrics

    def _run_program(self) -> dict[str, float]:
        spent = np.float32(self.state.budget_fraction(self.recipe))
        self.constants["budget_fraction"] = ops.convert_to_tensor(spent)
        metrics = self.program(self.constants)
        return {name: float(metrics[name]) for name in METRICS}

    def _kimg(self) -> float:
        return self.state.kimg(self.recipe)

    def _log(self, running: RunningMetrics, bar: Progress) -> None:
        means, best = running.means(), self.state.best
        speed = running.programs_per_second() * self.recipe.steps_per_call * self.recipe.batch
        row = {"kimg": self._kimg(), "step": self.state.step, **means}
        self.metrics.append(row | {"images_per_second": round(speed, 1)})
        distance = {"KD": f"{best['distance']:.3g}"} if best else {}
        losses = f"{means['generator_loss']:.2f}", f"{means['discriminator_loss']:.2f}"
        bar.set_postfix(G=losses[0], D=losses[1], **distance)

    def _evaluate(self, bar: Progress) -> None:
        """Compare the EMA generator with the training images; write a snapshot of the best."""
        state, networks = self.state, self.networks
        result = self.evaluator.compare(networks.ema_generator)
        was_diverse = state.best is not None and state.best["diversity"] > DIVERSE
        if not math.isfinite(result["distance"]):
            self._recover("the kernel distance is not finite")
            return
        if was_diverse and result["diversity"] < COLLAPSED:
            self._recover(
                f"the images collapsed: their diversity is {result['diversity']:.3f} of the real "
                "images'"
            )
            return
        row = {"kimg": self._kimg(), "seconds": round(state.seconds, 1)}
        reference = self.evaluator.reference.mean
        self.metrics.append(row | {"step": state.step, **result, "reference": reference})
        state.evaluated_step = state.step
        state.evaluations_since_best += 1
        if state.best is None or result["distance"] < state.best["distance"]:
            stamp = self.folder.write_snapshot(networks.ema_generator, networks.discriminator)
            state.best = row | {"snapshot": stamp, **result}
            state.evaluations_since_best = 0
        bar.set_postfix(KD=f"{result['distance']:.3g}", reference=f"{reference:.2g}")
        self._write_grid(result["distance"])
        self._save("good", "checkpoint")

    def _recover(self, reason: str) -> None:
        """Restore the last good state, with a new random seed and lower learning rates.

        After `RECOVERIES` restarts the training ends with the best snapshot.
        """
        diverged_kimg, spent = self._kimg(), (self.state.seconds, self.state.cpu_seconds)
        recoveries = self.state.recoveries + 1
        if not self._restore("good"):
            raise UserError(
                f"the generator's training diverged at {diverged_kimg * 1000:.0f} images: {reason}."
                " Try lower learning rates in the recipe"
            )
        self.state.recoveries = recoveries
        self.state.seconds, self.state.cpu_seconds = spent
        self.networks.reseed_and_slow_down(recoveries)
        then = "with a new random seed and half the learning rates"
        if recoveries > RECOVERIES:
            then = f"ending there, after {RECOVERIES} restarts"
        print_line(
            f"training diverged at {diverged_kimg:.1f} thousand images ({reason}); restored the "
            f"state at {self._kimg():.1f} thousand, {then}"
        )
        row = {"kimg": self._kimg(), "step": self.state.step, "recovered": diverged_kimg}
        self.metrics.append(row)

    def _write_grid(self, distance: float) -> None:
        recipe, network = self.recipe, self.networks.ema_generator
        rows = [
            (f"{label}\nsynthetic", sample(network, recipe, i, range(GRID_COLUMNS), recipe.seed))
            for i, label in enumerate(self.classes)
        ]
        title = f"after {self._kimg():.0f} thousand images ({recipe.name}), KD {distance:.3g}"
        write_grid(self.folder.grid(int(self._kimg())), rows, title)

    def _save(self, *names: str) -> None:
        """Save all state under these names, and bring metrics and curves up to date."""
        for name in names:
            self.folder.save(name, self.networks.variables, asdict(self.state), self.metrics)
        self.folder.write_metrics(self.metrics, self.evaluator)
        evaluations = [row for row in self.metrics if "distance" in row]
        grids = {self.folder.grid(int(row["kimg"])): row["step"] for row in evaluations}
        self.curves.write_new_rows(self.metrics, grids)

    def _restore(self, name: str) -> bool:
        """Restore what was saved under `name`; False if there is nothing."""
        saved = self.folder.restore(name, self.networks.variables)
        if saved is None:
            return False
        state, self.metrics = saved
        self.state = TrainingState(**state)
        if name == "checkpoint":
            print_line(
                f"resuming training of the generator {self.folder.path.name} at "
                f"{self._kimg():.1f} thousand images"
            )
        return True

    def _finish(self) -> dict[str, Any]:
        """Save and close everything; the metadata for complete.json."""
        best = self.state.best
        assert best is not None  # the last state was evaluated
        self._save("checkpoint")
        self.curves.close()
        return {
            "classes": self.classes,
            "precision": self.recipe.precision,
            "images_shown": round(self._kimg() * 1000),
            "training_images": len(self.constants["labels"]),
            "snapshot": best["snapshot"],
            "snapshot_kimg": best["kimg"],
            "snapshot_seconds": best["seconds"],
            f"KD-{self.evaluator.extractor.name}": best["distance"],
            "reference": self.evaluator.reference.mean,
            "extractor_stamp": self.evaluator.extractor.stamp,
            "seconds": round(self.state.seconds, 1),
            "cpu_seconds": round(self.state.cpu_seconds, 1),
            "recoveries": self.state.recoveries,
        }
