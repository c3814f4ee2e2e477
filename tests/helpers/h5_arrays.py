"""The arrays of weight files, whose layer names depend on what a process built before."""

import h5py


def read(files):
    """All arrays of the files, in their order."""
    arrays = []
    for file in files:
        with h5py.File(file) as content:
            content.visititems(
                lambda _, item: arrays.append(item[()]) if isinstance(item, h5py.Dataset) else None
            )
    return arrays
