"""Candidates: found from spectra or from cosines, in the way that brings one upon the other."""

import numpy as np
import pytest
from measured_images import thumbnail
from PIL import Image

from ufgen.audit.duplicates import neighbour_candidates, registration
from ufgen.audit.duplicates.neighbour_candidates import ALL, WAYS
from ufgen.phantom import simulate_patient

COUNT = 40


@pytest.fixture(scope="module")
def pictures():
    return [simulate_patient(5, i, "UF", 1, 96)[0].pixels for i in range(COUNT)]


def ways_of_pair(thumbnails, one, other):
    """The ways by which two rows come as candidates, and how well these lay one on the other."""
    found = neighbour_candidates.features(np.stack(thumbnails))
    correlations = {}
    for first, second, _, way in neighbour_candidates.candidates(found):
        if ((first == one) & (second == other)).any():
            transposed, flips = WAYS[way]
            moved = found.coarse[[other]].transpose((0, 2, 1) if transposed else (0, 1, 2))
            value, _ = registration.rough_similarity(found.coarse[[one]], moved, flips)
            correlations[WAYS[way]] = value[0]
    return correlations


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("flip", range(4))
def test_cosines_find_a_scaled_copy_in_its_orientation(pictures, transposed, flip):
    copy = np.asarray(Image.fromarray(pictures[3]).crop((6, 5, 90, 91)))
    copy = registration.flip_pictures(copy[None], flip)[0]
    copy = np.ascontiguousarray(copy.T if transposed else copy)
    thumbnails = [thumbnail(picture) for picture in [*pictures, copy]]
    for pair in ((3, COUNT), (COUNT, 3)):
        found = ways_of_pair(thumbnails, *pair)
        best = [way for way, value in found.items() if way[1] != ALL and value > 0.35]
        assert len(best) == 1 and best[0][0] == transposed


def test_spectra_find_a_copy_that_is_shifted_far(pictures):
    copy = np.zeros_like(pictures[7])
    copy[11:, :-10] = pictures[7][:-11, 10:]
    thumbnails = [thumbnail(picture) for picture in [*pictures, copy]]
    found = ways_of_pair(thumbnails, 7, COUNT)
    assert found[(False, ALL)] > 0.5


def test_no_image_is_its_own_candidate_and_few_are_those_of_any(pictures):
    found = neighbour_candidates.features(np.stack([thumbnail(picture) for picture in pictures]))
    for first, second, cosine, _ in neighbour_candidates.candidates(found):
        assert (first != second).all() and (cosine >= neighbour_candidates.LEAST_COSINE).all()
        assert np.bincount(first, minlength=1).max() <= neighbour_candidates.NEIGHBOURS
