"""Perceptual hashes: those of the library, of turned images, and found by their distance."""

import imagehash
import numpy as np
import pytest
from PIL import Image

from ufgen.audit.duplicates import perceptual_hashes
from ufgen.phantom import simulate_patient

PICTURE = simulate_patient(0, 1, "UF", 1, 128)[0].pixels
TURNS = {
    "mirrored": lambda picture: picture[:, ::-1],
    "upside_down": lambda picture: picture[::-1],
    "half_turned": lambda picture: picture[::-1, ::-1],
    "transposed": lambda picture: picture.T,
    "transversed": lambda picture: picture[::-1, ::-1].T,
    "turned": np.rot90,
}


def test_upright_hashes_are_those_of_the_library():
    hashes = perceptual_hashes.measure("", PICTURE)
    image = Image.fromarray(PICTURE)
    assert hashes["dhash_upright"] == str(imagehash.dhash(image, 16))
    assert hashes["phash"] == str(imagehash.phash(image))


@pytest.mark.parametrize("name", TURNS)
def test_the_hash_of_a_turned_image_is_known_without_it(name):
    hashes = perceptual_hashes.measure("", PICTURE)
    turned = perceptual_hashes.measure("", np.ascontiguousarray(TURNS[name](PICTURE)))
    known, own = perceptual_hashes.unpack(
        np.array([hashes[f"dhash_{name}"], turned["dhash_upright"]])
    )
    assert (known != own).sum() <= 2


def test_an_almost_empty_image_has_no_hash():
    picture = np.zeros((64, 64), "uint8")
    picture[30:34, 30:34] = 255
    assert set(perceptual_hashes.measure("", picture).values()) == {""}


def test_all_pairs_within_a_distance_are_found_as_by_brute_force():
    rng = np.random.default_rng(1)
    first = rng.integers(0, 2, (60, 256), "uint8")
    second = np.concatenate([first ^ (rng.random(first.shape) < p) for p in (0.03, 0.045, 0.06)])
    second = second.astype("uint8")
    near = np.argwhere((first[:, None] != second).sum(2) <= 12)
    found = np.stack(perceptual_hashes.within(first, second, 12), axis=1)
    assert 40 < len(near) < 160 and found.tolist() == near.tolist()
