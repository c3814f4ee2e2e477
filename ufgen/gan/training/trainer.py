"""The training loop: budget, progress, checkpoints, choice of the snapshot, recovery."""

import math
import time
from pathlib import Path

import numpy as np
from keras import ops

from ufgen import backend, precision
from ufgen.display import tensorboard
from ufgen.display.image_grid import GRID_COLUMNS
from ufgen.errors import UserError
from ufgen.fidelity.feature_extractors import Extractor, texture
from ufgen.gan.generator_folder import (
    GeneratorFolder,
    generator_key,
    generator_settings,
    made_by,
    mention_other_versions,
    resolved,
)
from ufgen.gan.recipe import Recipe, digest
from ufgen.gan.sampling.latents import sample
from ufgen.gan.training.adversarial_step import NUMBERS, Adversaries, constants_of
from ufgen.gan.training.snapshot_selection import COLLAPSED, VARIED, SnapshotSelector
from ufgen.gan.training.training_progress import advance, deferred_interrupt, progress_bar
from ufgen.images.image_set import ImageSet
from ufgen.progress import say

CHECKPOINT_SECONDS = 60
LOG_SECONDS = 5
RECOVERIES = 3


def train_generator(
    images: ImageSet,
    pixels: np.ndarray,
    recipe: Recipe,
    root: Path,
    progress: bool = True,
    extractor: Extractor | None = None,
) -> Path:
    """Train a generator in `root/<key>`, go on from its checkpoint, or reuse it: the folder.

    `pixels` are uint8 (N, resolution, resolution, channels), row by row with `images`. The folder
    holds what `ufgen.gan.generator_folder` lists; complete.json is written last. The snapshot is
    the averaged generator at the evaluation whose images lay nearest to the training images, by
    the `extractor` (by default `texture`). A resumed training ends with the weights of an
    uninterrupted one. Raises UserError when there are too few images, and when the losses are no
    longer numbers after every recovery.
    """
    if len(images) < 2:
        raise UserError(
            f"found {len(images)} training image: a generator needs several of each class"
        )
    extractor, recipe = extractor or texture(), resolved(recipe)
    folder = GeneratorFolder(Path(root) / generator_key(images, pixels, recipe, extractor))
    with folder.lock():
        if folder.complete:
            say(f"reusing the generator {folder.path.name}: same images, same recipe")
            return folder.path
        settings = generator_settings(images, pixels, recipe, extractor)
        mention_other_versions(folder.path.parent, {settings})
        order = np.lexsort((images.table["label"], images.table["sha256"]))
        images, pixels = images.select(order), pixels[order]
        folder.write_recipe(recipe)
        folder.write_training(images)
        labels = np.searchsorted(images.classes, images.table["label"]).astype("int32")
        training = _Training(pixels, labels, images.classes, recipe, folder, extractor)
        metadata = training.run(progress)
        metadata |= {"recipe": digest(recipe), "settings": settings, "made_by": made_by()}
        folder.finish(metadata)
    return folder.path


class _Training:
    """One training: where it stands, and what it has measured."""

    def __init__(self, pixels, labels, classes, recipe, folder: GeneratorFolder, extractor):
        self.classes, self.recipe, self.folder = classes, recipe, folder
        self.constants = constants_of(recipe, pixels, labels)
        self.judge = SnapshotSelector(extractor, pixels, labels, recipe)
        self.networks = Adversaries(recipe, len(classes), precision.POLICIES[recipe.precision])
        self.program = self.networks.program(recipe.steps_per_call)
        self.state = {"step": 0, "evaluated": 0, "seconds": 0.0, "recoveries": 0}
        self.state |= {"best": None, "since_best": 0}
        self.metrics: list[dict] = []
        self._restore("checkpoint")
        self.curves = tensorboard.Curves(f"generators/{folder.path.name}")

    def run(self, progress: bool) -> dict:
        """Train to the end of the budget, and say how it went for complete.json.

        Ctrl-C leaves a checkpoint of a whole step.
        """
        recipe, state = self.recipe, self.state
        shown_each = recipe.batch * recipe.steps_per_call
        evaluate_every = max(1, round(recipe.evaluate_kimg * 1000 / shown_each))
        if (count := len(backend.devices(recipe.batch))) > 1:
            say(f"training on {count} devices, which share each batch of {recipe.batch}")
        saved = logged = time.monotonic()
        sums, calls = dict.fromkeys(NUMBERS, 0.0), 0
        with progress_bar(recipe, state, progress) as bar, deferred_interrupt() as interrupted:
            while self._progress() < 1 and not self._exhausted():
                started = time.monotonic()
                numbers = self._run_program()
                state["step"] += recipe.steps_per_call
                state["seconds"] += time.monotonic() - started
                sums = {name: sums[name] + numbers[name] for name in NUMBERS}
                calls += 1
                broken = not all(map(math.isfinite, numbers.values()))
                due = state["step"] // recipe.steps_per_call % evaluate_every == 0
                advance(bar, recipe, state)
                if broken:
                    self._recover(f"the losses are {numbers}")
                elif due or time.monotonic() - logged > LOG_SECONDS:
                    speed = calls * shown_each / (time.monotonic() - logged)
                    self._log({name: sums[name] / calls for name in NUMBERS}, speed, bar)
                if due and not broken:
                    self._evaluate(bar)
                if broken or due or time.monotonic() - logged > LOG_SECONDS:
                    sums, calls, logged = dict.fromkeys(NUMBERS, 0.0), 0, time.monotonic()
                if interrupted or time.monotonic() - saved > CHECKPOINT_SECONDS:
                    self._save("checkpoint")
                    saved = time.monotonic()
                if interrupted:
                    raise KeyboardInterrupt
            if state["evaluated"] != state["step"]:
                self._evaluate(bar)
        return self._finish()

    def _run_program(self) -> dict[str, float]:
        self.constants["progress"] = ops.convert_to_tensor(np.float32(self._progress()))
        numbers = self.program(self.constants)
        return {name: float(value) for name, value in numbers.items()}

    def _progress(self) -> float:
        """The share of the budget that is spent, 0..1."""
        if self.recipe.minutes:
            return min(1.0, self.state["seconds"] / (60 * self.recipe.minutes))
        return min(1.0, self.state["step"] / self.recipe.steps())

    def _exhausted(self) -> bool:
        improving = not 0 < self.recipe.patience <= self.state["since_best"]
        return not improving or self.state["recoveries"] > RECOVERIES

    def _shown(self) -> float:
        return self.state["step"] * self.recipe.batch / 1000

    def _log(self, numbers: dict, speed: float, bar) -> None:
        row = {"kimg": self._shown(), "step": self.state["step"], **numbers}
        self.metrics.append(row | {"images_per_second": round(speed, 1)})
        best = self.state["best"]
        shown = {"KD": f"{best['distance']:.3g}"} if best else {}
        bar.set_postfix(
            G=f"{numbers['generator_loss']:.2f}", D=f"{numbers['discriminator_loss']:.2f}", **shown
        )

    def _evaluate(self, bar) -> None:
        """Compare the averaged generator with the training images; keep it if it is the best."""
        state = self.state
        found = self.judge.compare(self.networks.averaged)
        varied = state["best"] is not None and state["best"]["variety"] > VARIED
        if not math.isfinite(found["distance"]) or (varied and found["variety"] < COLLAPSED):
            self._recover(
                f"the images collapsed: their variety is {found['variety']:.3f} of the real ones'"
            )
            return
        at = {"kimg": self._shown(), "seconds": round(state["seconds"], 1)}
        reference = self.judge.reference.mean
        self.metrics.append(at | {"step": state["step"], **found, "reference": reference})
        state["evaluated"] = state["step"]
        state["since_best"] += 1
        if state["best"] is None or found["distance"] < state["best"]["distance"]:
            written = self.folder.write_snapshot(
                self.networks.averaged, self.networks.discriminator
            )
            state["best"] = at | {"snapshot": written, **found}
            state["since_best"] = 0
        bar.set_postfix(KD=f"{found['distance']:.3g}", reference=f"{reference:.2g}")
        self._write_grid(found["distance"])
        self._save("good", "checkpoint")

    def _recover(self, reason: str) -> None:
        """Go back to the last good evaluation, with other random numbers and smaller steps.

        After `RECOVERIES` of them the training ends with the best snapshot, if there is one.
        """
        at, recoveries = self._shown(), self.state["recoveries"] + 1
        seconds = self.state["seconds"]
        if not self._restore("good"):
            raise UserError(
                f"the generator's training broke down at {at * 1000:.0f} images: {reason}. Try "
                "smaller learning rates in the recipe"
            )
        self.state |= {"recoveries": recoveries, "seconds": seconds}
        self.networks.reseed_and_slow_down(recoveries)
        again = "with half the learning rates"
        if recoveries > RECOVERIES:
            again = f"and ends there, having gone back {RECOVERIES} times before"
        say(
            f"training broke down at {at:.1f} thousand images ({reason}): went back to "
            f"{self._shown():.1f} thousand, {again}"
        )
        self.metrics.append({"kimg": self._shown(), "step": self.state["step"], "recovered": at})

    def _write_grid(self, distance: float) -> None:
        rows = [
            (
                f"{label}\nsynthetic",
                sample(
                    self.networks.averaged,
                    self.recipe,
                    index,
                    range(GRID_COLUMNS),
                    self.recipe.seed,
                ),
            )
            for index, label in enumerate(self.classes)
        ]
        title = f"after {self._shown():.0f} thousand images ({self.recipe.name}), KD {distance:.3g}"
        self.folder.write_grid(int(self._shown()), rows, title)

    def _save(self, *names: str) -> None:
        for name in names:
            self.folder.save(name, self.networks.variables, self.state, self.metrics)
        self.folder.write_metrics(self.metrics, self.judge)
        evaluated = [row for row in self.metrics if "distance" in row]
        grids = {self.folder.grid(int(row["kimg"])): row["step"] for row in evaluated}
        self.curves.show(self.metrics, grids)

    def _restore(self, name: str) -> bool:
        """Take up the saved state `name`; False if there is none."""
        saved = self.folder.restore(name, self.networks.variables)
        if saved is None:
            return False
        state, self.metrics = saved
        self.state.update(state)
        if name == "checkpoint":
            say(
                f"going on with the generator {self.folder.path.name} at "
                f"{self._shown():.1f} thousand images"
            )
        return True

    def _finish(self) -> dict:
        best = self.state["best"]
        self._save("checkpoint")
        self.curves.close()
        return {
            "classes": self.classes,
            "precision": self.recipe.precision,
            "images_shown": round(self._shown() * 1000),
            "training_images": len(self.constants["labels"]),
            "snapshot": best["snapshot"],
            "snapshot_kimg": best["kimg"],
            "snapshot_seconds": best.get("seconds"),
            f"KD-{self.judge.extractor.name}": best["distance"],
            "reference": self.judge.reference.mean,
            "extractor_stamp": self.judge.extractor.stamp,
            "seconds": round(self.state["seconds"], 1),
            "recoveries": self.state["recoveries"],
        }
