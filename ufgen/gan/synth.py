"""`ufgen synth`: from a folder of images to a folder of synthetic ones."""

from pathlib import Path

from ufgen import imageset, pixels
from ufgen.errors import UserError
from ufgen.gan.recipe import load_recipe
from ufgen.gan.sampler import draw
from ufgen.gan.trainer import train_generator


def synthesise(
    location: Path,
    out: Path,
    recipe_name: str,
    options: dict,
    per_class: int | None,
    positive: str | None,
    group_pattern: str | None,
    fit: str,
    generators: Path,
    seed: int = 0,
) -> Path:
    """Train a generator on the training split (or reuse it) and draw images into `out`.

    Where the images have no split, all of them are training images. `per_class` images are drawn
    of each class, by default as many as there are real ones. Raises UserError; an `out` that
    ufgen did not write is never replaced.
    """
    if out.exists() and not (out / "recipe.yaml").is_file() and any(out.iterdir()):
        raise UserError(
            f"{out} holds something that `ufgen synth` did not write: choose another --name"
        )
    recipe = load_recipe(recipe_name, **options)
    images = imageset.scan(location, positive, group_pattern)
    if "train" in set(images.table["split"]):
        images = images.split("train")
    decoded = pixels.load(images, recipe.resolution, recipe.channels, fit)
    train_pixels = decoded.store.take(decoded.images)
    generator = train_generator(decoded.images, train_pixels, recipe, generators)
    counts = decoded.images.table["label"].value_counts().to_dict()
    counts = {label: per_class or int(counts[label]) for label in decoded.images.classes}
    draw(generator, counts, out, seed, decoded.images, train_pixels)
    if len(decoded.quarantine):
        decoded.quarantine.to_csv(out / "quarantine.csv", index=False)
    return out
