"""What is wrong with single images: unreadable, empty, dark, blurred, masks, foreign ones."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from PIL import Image

from ufgen.audit.findings import Exhibit, Finding
from ufgen.audit.measurements import Measurements

SCALE = 256
BLOCK = 32
LEAST_CONTRAST = 2.0  # standard deviation of a block, in grey levels
DARK, BLACK, WHITE = 64, 16, 250
NEAR = 8  # grey levels
MANY_UNREADABLE = 0.05
BLURRED_BELOW = 0.1
FEWEST = 20  # images, to compare one with the others
FOREIGN_SPREADS = 7.5  # between the median distance and the 90th percentile
DROP = "`ufgen data prepare FOLDER --drop LIST --out prepared`"
TEXTS = {  # what the images are, what the value is, and why it matters
    "mask-like-images": (
        "like segmentation masks",
        "pixels near two grey levels",
        "Nearly all their pixels have one of two grey levels. A mask among the images shows where "
        "the lesion is, and is no image of a patient.",
    ),
    "constant-images": (
        "empty",
        "contrast in grey levels",
        "They have one grey level, or nearly so: failed exports or cut-off frames, of which "
        "nothing can be learned but their label.",
    ),
    "dark-images": (
        "far too dark",
        "brightest grey level",
        "They use less than a quarter of the grey levels, or nearly all their pixels are black, "
        "such as 12-bit values in 16-bit files. Scale such files to their full range.",
    ),
    "blurred-images": (
        "blurred",
        "sharpness",
        "They lack fine detail, both by themselves and against the other images of the set. "
        "Where blur goes with a class, a network learns the blur.",
    ),
    "foreign-images": (
        "unlike all others",
        "distance by the limit",
        "Their texture is much farther from that of the nearest other images than is usual in "
        "this set: photographs, charts, screenshots, or another kind of scan. Look at each.",
    ),
}


def measure(path: str, picture: np.ndarray) -> dict[str, float]:
    """Measure the quality of one image.

    Args:
        path: The path of the image, which is not opened.
        picture: The image: uint8 (H, W) or (H, W, 3).

    Returns:
        `sharpness`: the median, over blocks with contrast, of the amplitude at fine scales (2 to 4
        pixels) by that at middle ones (4 to 16), with the longer side reduced to 256 pixels where
        it is longer; it depends neither on contrast nor on text in the image, and is NaN without
        such blocks. `darkest` and `brightest` grey level, the number of different `grey_levels`,
        `contrast` (between the 1st and the 99th percentile), `dark_fraction` of pixels below 16,
        `saturated_fraction` from 250 on, and `binary_fraction`: near the most frequent grey level,
        or near the most frequent one that differs from it by 64 or more.
    """
    grey = Image.fromarray(picture).convert("L")
    counts = np.bincount(np.asarray(grey).ravel(), minlength=256) / (grey.width * grey.height)
    present = np.flatnonzero(counts)
    low, high = np.searchsorted(np.cumsum(counts), [0.01, 0.99])
    return {
        "sharpness": _sharpness(grey),
        "darkest": int(present[0]),
        "brightest": int(present[-1]),
        "grey_levels": len(present),
        "contrast": int(high - low),
        "dark_fraction": float(counts[:BLACK].sum()),
        "saturated_fraction": float(counts[WHITE:].sum()),
        "binary_fraction": _binary_fraction(counts),
    }


def _sharpness(grey: Image.Image) -> float:
    """Fine by middle amplitude of the median block with contrast."""
    if max(grey.size) > SCALE:
        factor = SCALE / max(grey.size)
        size = (max(1, round(grey.width * factor)), max(1, round(grey.height * factor)))
        grey = grey.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    pixels = np.asarray(grey, "float32")
    rows, columns = pixels.shape[0] // BLOCK, pixels.shape[1] // BLOCK
    if not rows or not columns:
        return float("nan")
    tiles = pixels[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    blocks = np.asarray(tiles.swapaxes(1, 2).reshape(-1, BLOCK, BLOCK))
    blocks = blocks[blocks.std(axis=(1, 2)) >= LEAST_CONTRAST]
    if not len(blocks):
        return float("nan")
    window = np.hanning(BLOCK).astype("float32")
    blocks = (blocks - blocks.mean(axis=(1, 2), keepdims=True)) * window * window[:, None]
    power = np.abs(np.fft.rfft2(blocks)) ** 2
    frequency = np.hypot(np.fft.fftfreq(BLOCK)[:, None], np.fft.rfftfreq(BLOCK))
    fine = power[:, (frequency >= 0.25) & (frequency < 0.5)].mean(axis=1)
    middle = power[:, (frequency >= 0.0625) & (frequency < 0.25)].mean(axis=1)
    return float(np.median(np.sqrt(fine / (middle + 1e-6))))


def _binary_fraction(counts: np.ndarray) -> float:
    """The fraction of pixels near two grey levels that are far from each other."""
    sums = np.concatenate([[0.0], np.cumsum(counts)])
    levels = np.arange(256)
    near = sums[np.minimum(levels + NEAR, 255) + 1] - sums[np.maximum(levels - NEAR, 0)]
    first = int(near.argmax())
    second = near[np.abs(levels - first) >= DARK].max()
    return float(near[first] + second) if second > 0 else 0.0


def findings(measurements: Measurements) -> list[Finding]:
    """Find images of poor quality, or of another kind than the others.

    An image is counted once: as a mask, else as constant, dark, blurred or foreign.

    Args:
        measurements: Measured images, with the columns of `measure`.

    Returns:
        Findings named unreadable-files, mask-like-images, constant-images, dark-images,
        blurred-images and foreign-images.
    """
    table = measurements.table
    masks = _mask_like(table)
    constant = ~masks & (table["contrast"] <= NEAR // 2).to_numpy()
    black = (table["brightest"] < DARK) | (table["dark_fraction"] > 0.98)
    dark = ~masks & ~constant & black.to_numpy()
    blurred = ~masks & ~constant & ~dark & _blurred(table["sharpness"].to_numpy(float))
    distances = foreign_distances(measurements, masks | constant | dark | blurred)
    kinds = {
        "mask-like-images": (masks, table["binary_fraction"]),
        "constant-images": (constant, table["contrast"]),
        "dark-images": (dark, table["brightest"]),
        "blurred-images": (blurred, table["sharpness"]),
        "foreign-images": (distances > 1, distances),
    }
    found = list(_unreadable(measurements))
    for name, (chosen, values) in kinds.items():
        if chosen.any():
            found.append(_finding(measurements, name, chosen, np.asarray(values, float)))
    return found


def _mask_like(table: pd.DataFrame) -> np.ndarray:
    """Two or three grey levels, or hardly anything beside two that are far from each other."""
    few = (table["grey_levels"] <= 8) & (table["brightest"] >= DARK)
    few |= table["grey_levels"] <= 3
    few |= (table["binary_fraction"] >= 0.97) & (table["brightest"] >= DARK)
    return (few & (table["grey_levels"] > 1)).to_numpy()


def _blurred(sharpness: np.ndarray) -> np.ndarray:
    """Outliers of the set that have hardly any fine detail either."""
    logarithm = np.log(np.maximum(sharpness, 1e-6))
    if np.isfinite(logarithm).sum() < FEWEST:
        return np.zeros(len(logarithm), bool)
    middle = np.nanmedian(logarithm)
    deviation = max(1.4826 * float(np.nanmedian(np.abs(logarithm - middle))), 0.15)
    return (logarithm < middle - 6 * deviation) & (sharpness < BLURRED_BELOW)


def foreign_distances(measurements: Measurements, left_out: np.ndarray) -> np.ndarray:
    """Measure how far images are from the others of the set, by their texture.

    Features are standardised by their median and their spread, and limited; the distance is that
    to the nearest neighbours, of which there are more than a few foreign images of one kind.

    Args:
        measurements: Measured images.
        left_out: The images not to compare, nor to compare others with: boolean, (N,).

    Returns:
        Distances in units of the limit, which follows from the set's own distribution: an image
        above 1 is foreign. 0 for those left out. float64, (N,).
    """
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestNeighbors

    distances = np.zeros(len(measurements.table))
    compared = np.flatnonzero(~left_out)
    if len(compared) < FEWEST:
        return distances
    features = np.asarray(measurements.arrays["features"], float)[compared]
    low, middle, high = np.percentile(features, [10, 50, 90], axis=0)
    spread = np.maximum((high - low) / 2.56, 1e-3 * np.abs(middle) + 1e-6)
    scaled = np.clip((features - middle) / spread, -20, 20)
    components = PCA(min(20, len(compared) - 1), random_state=0).fit_transform(scaled)
    neighbours = min(max(5, len(compared) // 50), 30)
    search = NearestNeighbors(n_neighbors=neighbours + 1).fit(components)
    logarithm = np.log(search.kneighbors(components)[0][:, -1] + 1e-6)
    middle, upper = np.percentile(logarithm, [50, 90])
    distances[compared] = np.exp(logarithm - middle - FOREIGN_SPREADS * max(upper - middle, 0.2))
    return distances


def _finding(
    measurements: Measurements, name: str, chosen: np.ndarray, values: np.ndarray
) -> Finding:
    """One finding of single images, the clearest first."""
    rising = name in ("constant-images", "dark-images", "blurred-images")
    title, measured, explanation = TEXTS[name]
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(values[rows] if rising else -values[rows], kind="stable")]
    table = measurements.images.table.iloc[rows][["path", "label", "split"]]
    table = table.assign(value=values[rows]).reset_index(drop=True)
    count = f"{len(rows)} image{' is' if len(rows) == 1 else 's are'}"
    exhibits = [
        Exhibit(list(part["path"]), f"{measured}: " + ", ".join(f"{v:.3g}" for v in part["value"]))
        for part in (table.iloc[start : start + 4] for start in range(0, min(len(table), 12), 4))
    ]
    return Finding(
        name, "warning", f"{count} {title}", len(rows), explanation, DROP, table, exhibits
    )


def _unreadable(measurements: Measurements) -> Iterator[Finding]:
    quarantine = measurements.quarantine
    if not len(quarantine):
        return
    share = len(quarantine) / (len(quarantine) + len(measurements.images))
    yield Finding(
        "unreadable-files",
        "error" if share > MANY_UNREADABLE else "warning",
        f"{len(quarantine)} file{'' if len(quarantine) == 1 else 's'} ({share:.1%}) cannot be read",
        len(quarantine),
        "They are damaged, or of a kind that ufgen does not read. A study leaves them out; if one "
        "class or split lost more of them than another, that may bias it.",
        f"Copy them again from where they came, or drop them: {DROP}",
        quarantine.reset_index(drop=True),
    )
