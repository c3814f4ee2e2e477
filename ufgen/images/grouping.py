"""Groups, such as patients: joined where they share an image, and put in a random order."""

from dataclasses import replace

import numpy as np
import pandas as pd

from ufgen.images.image_set import ImageSet


def group_same_pictures(images: ImageSet) -> ImageSet:
    """Join the groups that hold the same image, so that no split can separate them.

    Args:
        images: Images with hashes, as `pixel_store.load` returns them.

    Returns:
        The images; joined groups have the name that comes first in alphabetical order.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    groups, group = np.unique(images.table["group"], return_inverse=True)
    hashes, sha256 = np.unique(images.table["sha256"], return_inverse=True)
    nodes = len(groups) + len(hashes)
    edges = coo_array((np.ones(len(images)), (group, len(groups) + sha256)), shape=(nodes, nodes))
    _, component = connected_components(edges, directed=False)
    names = pd.Series(groups).groupby(component[: len(groups)]).transform("first")
    return replace(images, table=images.table.assign(group=names.to_numpy()[group]))


def group_ranks(images: ImageSet, seed: int) -> np.ndarray:
    """Rank the groups of each class in random order, for nested subsets of whole groups.

    The images whose rank is below f are about the fraction f of each class's groups; a smaller
    fraction is contained in a larger one. A group counts for its most frequent class.

    Args:
        images: The images to rank; the order of their rows does not matter.
        seed: Random seed.

    Returns:
        A rank in [0, 1) for each image, the same for the images of a group: float64, (N,).
    """
    counts = pd.crosstab(images.table["group"], images.table["label"])
    order = np.random.default_rng(seed).permutation(len(counts))
    of_class = counts.idxmax(axis=1).iloc[order]
    position = of_class.groupby(of_class).cumcount()
    ranks = position / of_class.map(of_class.value_counts())
    return images.table["group"].map(ranks).to_numpy(float)
