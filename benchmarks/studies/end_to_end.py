"""Whole studies whose truth is planted: how often are they right?

    python benchmarks/studies/end_to_end.py --weights FILE [--studies 40] [--only copies|images]

Each study has a phantom set of its own, of which about 56 images are trained on, three folds, two
generators in each, five seeds, a head on frozen features, and runs through all stages but the page.
In the place of a GAN's images each generator gives twice as many images as there are:

- copies: the training images with Gaussian noise of 0.5 to 1.5 grey levels (drawn for each
  generator), which teach a classifier nothing: the true change is as good as zero;
- images: new ones, of patients of another phantom set, as a perfect generator would.

The truth of the second is estimated by the mean over all studies. Prints each headline, and for
both kinds how often the interval covers the truth, the words, and how often one is false: helps or
hurts of copies; hurts, or equivalent where the mean is outside the margin, of new images.
"""

import argparse
import collections
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

from ufgen import environment

environment.import_keras()

from experiments import runner  # noqa: E402
from experiments.design.study import Study  # noqa: E402
from experiments.running import synthetic_images  # noqa: E402
from experiments.statistics import verdict  # noqa: E402
from ufgen import phantom  # noqa: E402
from ufgen.fidelity.feature_extractors import texture  # noqa: E402
from ufgen.images import image_set, pixel_store  # noqa: E402
from ufgen.images.pixel_store import as_picture, hash_pixels  # noqa: E402
from ufgen.synthesis import evaluation  # noqa: E402

SIZE, IMAGES, FRACTION, MARGIN, NOISE = 128, 300, 0.35, 0.02, 1.5


def synthetic_set(kind, new, study, split, counts, filters, seed, folder, generators):
    """In the place of `synthetic_images._prepare_set`: images of which the effect is known."""
    number = study.generator_seed(seed, split.key)
    rng = np.random.default_rng([number, len(new.images), study.split_seed])
    source = split if kind == "copies" else new
    images = source.fit if kind == "copies" else source.images
    labels, rows = images.table["label"].to_numpy(), []
    for label, count in counts.items():
        rows.append(np.resize(rng.permutation(np.flatnonzero(labels == label)), count))
    images = images.select(np.concatenate(rows))
    pixels = source.store.take(images)
    if kind == "copies":
        noise = rng.normal(0, rng.uniform(0.5, NOISE), pixels.shape)
        pixels = (pixels + noise).round().clip(0, 255).astype(np.uint8)
    hashes = [hash_pixels(as_picture(image)) for image in pixels]
    name = f"generator{number}"
    table = images.table.assign(
        path=[f"{name}/{i}.png" for i in range(len(images))],
        split="train",
        group=[f"{name}-{i}" for i in range(len(images))],
        source="synthetic",
        sha256=hashes,
    )
    synthetic = image_set.ImageSet(table, images.positive)
    out = folder / "synthetic" / name
    out.mkdir(parents=True, exist_ok=True)
    fit = split.fit, split.store.take(split.fit)
    evaluation.compare_image_sets(out, *fit, synthetic, pixels, None, texture(), split.fit)
    store = pixel_store.PixelStore(pixels, {one: i for i, one in enumerate(hashes)})
    return synthetic_images.SyntheticImages(name, synthetic, store)


def run(kind: str, number: int, options) -> pd.Series:
    """One study: its headline."""
    places = [options.out / f"phantom{2 * number + i}" for i in (0, 1)]
    for seed, place in enumerate(places, 2 * number):
        phantom.write_set(place, IMAGES * 2 // 3, IMAGES // 3, SIZE, seed, show_progress=False)
    new = pixel_store.load(image_set.scan(places[1]), SIZE)
    study = Study(
        name=f"{kind}{number}",
        question="Is what is planted found?",
        images={"path": str(places[0]), "positive": "UF", "resolution": SIZE, "fraction": FRACTION},
        folds=3,
        split_seed=number,
        generator={"seeds": [0, 1]},
        arms=["real", "real+synthetic@2.0"],
        classifiers=[{"name": options.network, "weights": options.weights}],
        seeds=list(range(5)),
        training={"steps": 150, "batch": 32, "trained": "head", "learning_rate": 1e-3},
        margin=MARGIN,
        bootstrap=300,
    )
    planted = partial(synthetic_set, kind, new)
    with (
        mock.patch.object(synthetic_images, "_prepare_set", planted),
        mock.patch.object(runner.LocalExecutor, "train_generators", lambda *_: None),
        mock.patch.object(runner, "write_report", lambda _prepared, _analysis, folder, *_: folder),
    ):
        folder = runner.run(study, options.out, "python benchmarks/studies/end_to_end.py")
    found = pd.read_csv(folder / "headline.csv").iloc[0]
    return pd.concat([found, pd.Series({"word": verdict(found["low"], found["high"], MARGIN)})])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="keras:MobileNetV2?alpha=0.35")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--only", choices=("copies", "images"))
    parser.add_argument("--out", type=Path, default=Path("runs"))
    options = parser.parse_args()
    for kind in (options.only,) if options.only else ("copies", "images"):
        found = []
        for number in range(options.studies):
            found.append(run(kind, number, options))
            print(
                *found[-1][["arm", "baseline", "delta", "low", "high", "word", "verdict"]],
                flush=True,
            )
        summarise(kind, pd.DataFrame(found))


def summarise(kind: str, found: pd.DataFrame) -> None:
    """Print how often the studies of one kind are right."""
    mean = found["delta"].mean()
    truth = 0.0 if kind == "copies" else mean
    covered = ((found["low"] <= truth) & (truth <= found["high"])).mean()
    false = {"helps", "hurts"} if kind == "copies" else {"hurts"}
    if truth > MARGIN:
        false |= {"equivalent"}
    words = collections.Counter(found["word"])
    wrong = sum(words[word] for word in false)
    error = found["delta"].std() / np.sqrt(len(found))
    half_width = ((found["high"] - found["low"]) / 2).median()
    print(
        f"{kind}, {len(found)} studies: mean change {mean:+.4f} (standard error {error:.4f}); "
        f"covers {truth:+.4f}: {covered:.1%}; half-width {half_width:.4f}; {dict(words)}, "
        f"on the page {dict(collections.Counter(found['verdict']))}; "
        f"false: {wrong}"
    )


if __name__ == "__main__":
    main()
