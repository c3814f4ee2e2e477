"""Do generators need fewer images that start from one of the phantom?

    python benchmarks/generation/warm_start.py FOLDER --positive malignant [--kimg 5] [--out runs]

A generator is trained on phantom images; then, on the training images of the first of three folds
of FOLDER, one from random weights and one from the phantom's weights (generator, EMA and
discriminator; optimisers are new). Printed are KD-texture and coverage of their images.
"""

import argparse
import time
from pathlib import Path

import pandas as pd


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--positive", required=True)
    parser.add_argument("--phantom-kimg", type=float, default=16)
    parser.add_argument("--kimg", type=float, nargs="+", default=[5])
    parser.add_argument("--out", type=Path, default=Path("runs"))
    options = parser.parse_args()
    from ufgen import phantom
    from ufgen.gan.training import trainer

    images = options.out / "warm_start_phantom"
    if not (images / "manifest.csv").is_file():
        phantom.write_set(images, 600, 100, 64)
    study, data = prepare(images, "UF", options.phantom_kimg)
    fit, recipe = data.fit, study.generator_recipe(seed=7)
    start = trainer.train_generator(fit, data.store.take(fit), recipe, options.out / "generators")
    restore = trainer._Training._restore

    def warm(self, name: str) -> bool:
        if restore(self, name):
            return True
        for network in (self.networks.generator, self.networks.ema_generator):
            network.load_weights(start / "snapshot.weights.h5")
        self.networks.discriminator.load_weights(start / "discriminator.weights.h5")
        return False

    for kimg in options.kimg:
        for label, method in (("random", restore), ("phantom", warm)):
            trainer._Training._restore = method
            measure(options, label, kimg)


def prepare(path: Path, positive: str, kimg: float):
    """A study of one generator, and its first fold."""
    from experiments.design.study import Study
    from experiments.running.data_split import read_images, split_by_role

    study = Study.model_validate({
        "name": "warm_start",
        "images": {"path": str(path), "positive": positive, "resolution": 64, "fit": "pad"},
        "folds": 3,
        "generator": {"options": {"kimg": kimg, "evaluate_kimg": min(4, kimg)}, "seeds": [0]},
        "arms": ["real", "real+synthetic@1.0"],
        "classifiers": ["hybrid"],
    })  # fmt: skip
    return study, split_by_role(study, read_images(study), study.splits()[0])


def measure(options: argparse.Namespace, label: str, kimg: float) -> None:
    """Train a generator on the images of the folder, and print how good its images are."""
    from experiments.running.synthetic_images import prepare_synthetic

    study, data = prepare(options.folder, options.positive, kimg)
    folder, began = options.out / f"warm_start_{label}_{kimg:g}", time.perf_counter()
    prepare_synthetic(study, data, folder, folder / "generators")
    (file,) = folder.glob("synthetic/*/fidelity.csv")
    table = pd.read_csv(file).query("scope == 'all'").set_index("metric")["value"]
    print(
        f"{label}, {kimg:g} thousand images, {time.perf_counter() - began:.0f} s: KD-texture "
        f"{table['KD-texture']:.2f}, coverage {table['coverage-texture']:.2f}",
        flush=True,
    )


if __name__ == "__main__":
    from ufgen import environment

    environment.prepare()
    environment.import_keras()
    main()
