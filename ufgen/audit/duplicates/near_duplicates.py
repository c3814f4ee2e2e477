"""Near-duplicates: the same picture twice, perhaps saved again, cropped, shifted or turned."""

from dataclasses import replace

import numpy as np
import pandas as pd

from ufgen.audit.duplicates import neighbour_candidates, perceptual_hashes, registration
from ufgen.audit.duplicates.duplicate_findings import findings_of
from ufgen.audit.duplicates.neighbour_candidates import WAYS
from ufgen.audit.duplicates.perceptual_hashes import ORIENTATIONS
from ufgen.audit.findings import Finding
from ufgen.audit.measurements import Measurements, measure
from ufgen.images.grouping import group_same_pictures
from ufgen.images.image_set import UNNAMED, ImageSet

KINDS = ("exact", "hash", "flipped", "neighbour")
MOST_BITS = 12
LEAST_ROUGH = 0.27
LEAST_SIMILARITY = 0.6
MOST_CANDIDATES = 250_000  # the likeliest, of more than about 10,000 images
BATCH, ROUGH_BATCH = 64, 512


def find(measurements: Measurements) -> pd.DataFrame:
    """Find the pairs of images that show the same picture.

    Four ways, of which each pair is given the first that finds it: equal pixels ("exact"); a
    difference hash that differs in at most 12 of 256 bits ("hash"), or does when one image is
    flipped or turned by a right angle ("flipped"); and thumbnails that correlate when one is laid
    upon the other ("neighbour": shifted, cropped, slightly rotated, otherwise contrasted). Of
    images that are much alike, such as 10 copies of one, not every pair is listed, but all are
    connected.

    Args:
        measurements: Measurements with the hashes of `perceptual_hashes.measure`.

    Returns:
        The columns first and second (rows of the images, first < second), kind, and similarity:
        a share of equal bits, or a correlation.
    """
    parts = [_exact(measurements.images), *_by_hash(measurements.table)]
    parts.append(_neighbours(measurements.thumbnails, _connected(len(measurements.images), parts)))
    pairs = pd.concat(parts, ignore_index=True)
    swapped = pairs["first"] > pairs["second"]
    pairs.loc[swapped, ["first", "second"]] = pairs.loc[swapped, ["second", "first"]].to_numpy()
    order = pairs["kind"].map(KINDS.index)
    pairs = pairs.assign(order=order).sort_values(["order", "similarity"], ascending=[True, False])
    pairs = pairs.drop(columns="order").drop_duplicates(["first", "second"])
    return pairs.sort_values(["first", "second"], ignore_index=True)


def clusters(count: int, pairs: pd.DataFrame) -> np.ndarray:
    """Number the clusters of images that pairs connect, directly or through others.

    Args:
        count: The number of images.
        pairs: The columns first and second.

    Returns:
        The number of each image's cluster: int (count,).

    Example:
        >>> clusters(4, pd.DataFrame({"first": [0, 1], "second": [1, 3]})).tolist()
        [0, 0, 1, 0]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = pairs["first"].to_numpy(int), pairs["second"].to_numpy(int)
    edges = coo_array((np.ones(len(pairs)), (first, second)), shape=(count, count))
    return connected_components(edges, directed=False)[1]


def joined_groups(images: ImageSet, cluster: np.ndarray) -> ImageSet:
    """Join the groups that have images in the same cluster, so that no split can separate them.

    Args:
        images: The images.
        cluster: The number of each image's cluster, from `clusters`: int (N,).

    Returns:
        The images; joined groups have the name that comes first in alphabetical order, and
        "same:" before the path of images that no group was given for.
    """
    as_hashes = replace(images, table=images.table.assign(sha256=cluster.astype(str)))
    groups = group_same_pictures(as_hashes).table["group"]
    joined = groups.duplicated(keep=False) & groups.str.startswith(UNNAMED)
    groups = groups.mask(joined, "same:" + groups.str.removeprefix(UNNAMED))
    return replace(images, table=images.table.assign(group=groups))


def grouped(images: ImageSet) -> ImageSet:
    """Measure an image set, and join the groups that hold near-duplicates of each other.

    Args:
        images: Images that can be read.

    Returns:
        The images, as `joined_groups` returns them.
    """
    found = measure(images)
    return joined_groups(found.images, clusters(len(found.images), find(found)))


def findings(measurements: Measurements) -> list[Finding]:
    """Find the near-duplicates of an image set, and say what they mean for a study.

    Args:
        measurements: Measurements with the hashes of `perceptual_hashes.measure`.

    Returns:
        The findings; none where no two images show the same picture.
    """
    return findings_of(measurements.images, find(measurements))


def _pairs(first: np.ndarray, second: np.ndarray, kind: str, value: np.ndarray) -> pd.DataFrame:
    columns = {"first": first, "second": second, "kind": kind, "similarity": value}
    return pd.DataFrame(columns).astype({"first": int, "second": int, "similarity": float})


def _exact(images: ImageSet) -> pd.DataFrame:
    """Each image with equal pixels, paired with the first of its kind."""
    sha256 = images.table["sha256"]
    first = pd.Series(np.arange(len(images))).groupby(sha256.to_numpy()).transform("min").to_numpy()
    copies = np.flatnonzero(first < np.arange(len(images)))
    return _pairs(first[copies], copies, "exact", np.ones(len(copies)))


def _by_hash(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Pairs within a distance of their difference hashes, for each orientation."""
    hashed = np.flatnonzero(table["dhash_upright"] != "")
    if not len(hashed):
        return []
    codes = [perceptual_hashes.unpack(table[f"dhash_{o}"].to_numpy()[hashed]) for o in ORIENTATIONS]
    parts = []
    for orientation, code in zip(ORIENTATIONS, codes, strict=True):
        first, second = perceptual_hashes.within(codes[0], code, MOST_BITS)
        once = first < second if orientation != "turned" else first != second
        first, second = first[once], second[once]
        equal = (codes[0][first] == code[second]).mean(1)
        kind = "hash" if orientation == "upright" else "flipped"
        parts.append(_pairs(hashed[first], hashed[second], kind, equal))
    return parts


def _connected(count: int, parts: list[pd.DataFrame]) -> np.ndarray:
    return clusters(count, pd.concat(parts, ignore_index=True))


def _neighbours(thumbnails: np.ndarray, cluster: np.ndarray) -> pd.DataFrame:
    """Pairs whose thumbnails correlate once registered, of those that no cluster holds yet."""
    found = neighbour_candidates.features(thumbnails)
    keys, cosines = [np.empty(0, int)], [np.empty(0)]
    for first, second, cosine, way in neighbour_candidates.candidates(found):
        new = cluster[first] != cluster[second]
        first, second = np.minimum(first, second)[new], np.maximum(first, second)[new]
        keys.append((first * len(thumbnails) + second) * len(WAYS) + way)
        cosines.append(cosine[new])
    key = np.concatenate(keys)
    likely = np.argsort(-np.concatenate(cosines), kind="stable")[: 2 * MOST_CANDIDATES]
    pair, ways = np.divmod(pd.unique(key[likely])[:MOST_CANDIDATES], len(WAYS))
    first, second = np.divmod(pair, max(1, len(thumbnails)))
    kept = []
    for way, (transposed, flips) in enumerate(WAYS):
        of_way = np.flatnonzero(ways == way)
        for start in range(0, len(of_way), ROUGH_BATCH):
            batch = of_way[start : start + ROUGH_BATCH]
            other = found.coarse[second[batch]]
            other = other.transpose(0, 2, 1) if transposed else other
            value, where = registration.rough_similarity(found.coarse[first[batch]], other, flips)
            near = np.flatnonzero(value >= LEAST_ROUGH)
            kept.append((batch[near], where[near]))
    turned = np.array([transposed for transposed, _ in WAYS])[ways]
    near = np.concatenate([row for row, _ in kept] or [np.empty(0, int)])
    where = np.concatenate([place for _, place in kept] or [np.empty((0, 5))])
    first, second, turned = first[near], second[near], turned[near]
    values = np.zeros(len(near))
    for start in range(0, len(near), BATCH):
        rows = slice(start, start + BATCH)
        other = _transposed(thumbnails[second[rows]], turned[rows])
        values[rows] = registration.similarity(thumbnails[first[rows]], other, where[rows])
    same = values >= LEAST_SIMILARITY
    return _pairs(first[same], second[same], "neighbour", values[same])


def _transposed(pictures: np.ndarray, which: np.ndarray) -> np.ndarray:
    """The pictures, those of `which` with rows and columns exchanged."""
    return np.where(which[:, None, None], pictures.transpose(0, 2, 1), pictures)
