"""Sampling: the same images again, manifests, and what cannot be generated."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_generators import RECIPE, generate_to

from ufgen.errors import UserError
from ufgen.gan.generator_folder import load_generator
from ufgen.gan.recipe import digest
from ufgen.gan.sampling.sampler import generate_images, redraw
from ufgen.images.pixel_store import hash_pixels


def test_a_draw_of_n_is_the_beginning_of_a_draw_of_2n(trained):
    folder = trained[0]
    few = generate_images(folder, {"bright": 20, "dark": 3}, 7, show_progress=False).table
    many = generate_images(folder, {"bright": 40, "dark": 6}, 7, show_progress=False).table
    for label, count in (("bright", 20), ("dark", 3)):
        one = few.loc[few["label"] == label, "sha256"].tolist()
        assert one == many.loc[many["label"] == label, "sha256"].tolist()[:count]
    other = generate_images(folder, {"bright": 20}, 8, show_progress=False).table
    assert not set(other["sha256"]) & set(many["sha256"])


def test_the_manifest_describes_every_file_and_what_the_generator_saw(trained, tmp_path):
    folder, images, pixels = trained
    out = tmp_path / "synthetic"
    drawn = generate_to(out, folder, {"bright": 3, "dark": 2}, 1, images=images, pixels=pixels)
    manifest = pd.read_csv(out / "manifest.csv", dtype=str)
    assert list(manifest.columns) == [
        "path", "label", "split", "group", "source", "sha256",
        "latent_seed", "truncation", "recipe", "snapshot", "training_sha256",
        "discriminator_score",
    ]  # fmt: skip
    assert set(manifest["source"]) == {"synthetic"}
    assert set(manifest["split"]) == {"train"}
    assert set(manifest["recipe"]) == {digest(RECIPE)}
    assert manifest["group"].is_unique
    assert sorted(manifest["path"]) == sorted(str(p.relative_to(out)) for p in out.glob("*/*.png"))
    for path, label, sha256 in manifest[["path", "label", "sha256"]].to_numpy():
        picture = np.asarray(Image.open(out / path))
        assert (picture.shape, picture.dtype) == ((32, 32), np.uint8)
        assert path.startswith(f"{label}/")
        assert hash_pixels(picture) == sha256
    assert drawn.table["path"].tolist() == [str(out / path) for path in manifest["path"]]
    assert drawn.positive == "bright"
    seen = pd.read_csv(out / "training.csv")
    assert set(seen["sha256"]) == set(images.table["sha256"])
    for name in ("grid.png", "curves.png", "generator/recipe.yaml"):
        assert (out / name).is_file()


def test_the_grid_says_phantom_where_the_training_images_were(trained, tmp_path, monkeypatch):
    folder, images, pixels = trained
    written = []
    monkeypatch.setattr(
        "ufgen.gan.sampling.sampler.write_grid",
        lambda path, rows, title: written.append(([text for text, _ in rows], title)),
    )
    generate_to(tmp_path / "s", folder, {"dark": 2}, images=images, pixels=pixels)
    ((captions, title),) = written
    assert captions == ["dark\nphantom", "dark\nsynthetic"]
    assert "phantom" in title


@pytest.mark.parametrize(
    ("counts", "message"), [({"grey": 3}, "bright, dark, not grey"), ({"dark": 0}, "no image")]
)
def test_what_cannot_be_generated_is_refused(trained, counts, message):
    with pytest.raises(UserError, match=message):
        generate_images(trained[0], counts, show_progress=False)


def test_any_image_is_generated_again_bit_for_bit(trained, tmp_path):
    out = tmp_path / "s"
    drawn = generate_to(out, trained[0], {"bright": 3, "dark": 40}, 3, 0.7)
    for path in (drawn.table["path"].iloc[0], drawn.table["path"].iloc[-1]):
        picture, identical = redraw(path)
        assert identical
        np.testing.assert_array_equal(picture[..., 0], np.asarray(Image.open(path)))
    with pytest.raises(UserError, match="no folder that"):
        redraw(tmp_path / "elsewhere" / "a" / "b.png")


def test_truncation_makes_images_alike(trained):
    spread = [
        generate_images(trained[0], {"bright": 20}, 0, truncation, show_progress=False)
        .pixels.std(0)
        .mean()
        for truncation in (0.0, 1.0)
    ]
    assert spread[0] < spread[1]


def test_an_unfinished_generator_is_refused(tmp_path):
    with pytest.raises(UserError, match="no finished generator"):
        load_generator(tmp_path)
