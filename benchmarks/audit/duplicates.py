"""Are near-duplicates found, is nothing invented, and at what cost?

    python benchmarks/audit/duplicates.py FOLDER [--copies 60] [--scale 1000 20000 100000]
        [--out further.png]

FOLDER holds images in class folders or a manifest. (1) The pairs found in it: of one group, of
different groups (pictures of which are written to --out, to be looked at), and the groups
whose images are not all connected. (2) Copies of some images, changed in several ways, among 400
others: the share found by hashes, by registered thumbnails, and in all. (3) With --scale: processor
time and peak memory of the search among so many random images.
"""

import argparse
import io
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

sys.path.append(str(Path(__file__).parents[2] / "tests" / "helpers"))

from measured_images import measured, measured_folder

from ufgen.audit.duplicates import near_duplicates, perceptual_hashes
from ufgen.audit.measurements import Measurements
from ufgen.images import decoding

OTHERS = 400
FLIP, TURN = Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_90


def jpeg(image, quality):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("L")


def resized(image, scale):
    size = round(image.width * scale), round(image.height * scale)
    return image.resize(size, Image.Resampling.BICUBIC)


def cropped(image, share):
    """Without this share of the width and of the height, more of it on one side."""
    right, low = (round(share * side) for side in image.size)
    box = right // 3, low // 2, image.width - right + right // 3, image.height - low + low // 2
    return image.crop(box)


def shifted(image, share):
    move = (1, 0, -share * image.width, 0, 1, share * image.height)
    return image.transform(image.size, Image.Transform.AFFINE, move)


def rotated(image, angle):
    return image.rotate(angle, Image.Resampling.BICUBIC)


def speckled(image, strength):
    pixels = np.asarray(image).astype("float64")
    noise = 1 + strength * np.random.default_rng(0).standard_normal(pixels.shape)
    return Image.fromarray(np.clip(pixels * noise, 0, 255).astype("uint8"))


def blurred(image, sigma):
    return image.filter(ImageFilter.GaussianBlur(sigma * image.width / 256))


def marked(image):
    """With text and two calipers burned in."""
    image = image.copy()
    draw, (width, height) = ImageDraw.Draw(image), image.size
    draw.text((width * 0.05, height * 0.05), "LONG UTERUS 12.3 mm", fill=255)
    draw.text((width * 0.6, height * 0.9), "Dist 2.31 cm", fill=255)
    for x, y in ((0.4 * width, 0.45 * height), (0.6 * width, 0.55 * height)):
        draw.line((x - 4, y, x + 4, y), fill=255)
        draw.line((x, y - 4, x, y + 4), fill=255)
    return image


def brightened(image, factor):
    return ImageEnhance.Brightness(image).enhance(factor)


CHANGES = {
    "JPEG 95": lambda i: jpeg(i, 95),
    "JPEG 75": lambda i: jpeg(i, 75),
    "JPEG 50": lambda i: jpeg(i, 50),
    "resized x0.5": lambda i: resized(i, 0.5),
    "resized x2": lambda i: resized(i, 2),
    "cropped 5 %": lambda i: cropped(i, 0.05),
    "cropped 10 %": lambda i: cropped(i, 0.1),
    "cropped 20 %": lambda i: cropped(i, 0.2),
    "shifted 5 %": lambda i: shifted(i, 0.05),
    "shifted 10 %": lambda i: shifted(i, 0.1),
    "rotated 2 degrees": lambda i: rotated(i, 2),
    "rotated 5 degrees": lambda i: rotated(i, 5),
    "rotated 10 degrees": lambda i: rotated(i, 10),
    "flipped left-right": lambda i: i.transpose(FLIP),
    "flipped top-bottom": lambda i: i.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    "rotated 90 degrees": lambda i: i.transpose(TURN),
    "brightness +20 %": lambda i: brightened(i, 1.2),
    "brightness -20 %": lambda i: brightened(i, 0.8),
    "contrast +20 %": lambda i: ImageEnhance.Contrast(i).enhance(1.2),
    "contrast -20 %": lambda i: ImageEnhance.Contrast(i).enhance(0.8),
    "blurred, sigma 2 of 256": lambda i: blurred(i, 2),
    "speckle noise 20 %": lambda i: speckled(i, 0.2),
    "text and calipers": marked,
    "flipped, rotated 5, JPEG 75": lambda i: jpeg(rotated(i.transpose(FLIP), -5), 75),
    "cropped 5 %, brighter, JPEG 75": lambda i: jpeg(brightened(cropped(i, 0.05), 1.2), 75),
    "shifted 5 %, rotated 5, noise": lambda i: speckled(rotated(shifted(i, 0.05), 5), 0.2),
    "rotated 90, cropped 10 %": lambda i: cropped(i.transpose(TURN), 0.1),
}


def report_folder(folder: Path, out: Path | None) -> Measurements:
    """Print what is found in a folder, and draw the pairs of different groups."""
    start = time.process_time()
    found = measured_folder(folder, [perceptual_hashes.measure])
    table, decoded = found.images.table, time.process_time()
    pairs = near_duplicates.find(found)
    seconds = time.process_time() - decoded
    group, split, label = (table[name].to_numpy() for name in ("group", "split", "label"))
    first, second = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    across = group[first] != group[second]
    print(f"{folder.name}: {len(table)} images; measured in {decoded - start:.1f} s, ", end="")
    print(f"searched in {seconds:.1f} CPU s")
    print(pd.crosstab(pairs["kind"], np.where(across, "across groups", "within a group")))
    print(f"across groups, and the split: {(across & (split[first] != split[second])).sum()}; ")
    print(f"across groups, and labels: {(across & (label[first] != label[second])).sum()}")
    cluster = pd.Series(near_duplicates.clusters(len(table), pairs))
    parts = cluster.groupby(group).nunique()[cluster.groupby(group).size() > 1]
    print(f"groups of two or more images: {len(parts)}, connected: {(parts == 1).sum()}")
    if out is not None and across.any():
        draw_pairs(table["path"], pairs[across].sort_values("similarity"), out)
    return found


def draw_pairs(paths: pd.Series, pairs: pd.DataFrame, out: Path) -> None:
    """Draw pairs side by side, the least alike first."""
    sheet = Image.new("L", (6 * 330, -(-len(pairs) // 6) * 185))
    draw = ImageDraw.Draw(sheet)
    for place, pair in enumerate(pairs.to_dict("records")):
        x, y = place % 6 * 330, place // 6 * 185
        for side, row in enumerate((pair["first"], pair["second"])):
            image = Image.fromarray(decoding.decode(paths[row])).convert("L").resize((160, 160))
            sheet.paste(image, (x + 162 * side, y + 20))
        text = f"{pair['first']}-{pair['second']} {pair['kind']} {pair['similarity']:.2f}"
        draw.text((x, y + 4), text, fill=255)
    sheet.save(out)


def report_copies(paths: pd.Series, copies: int) -> None:
    """Print the share of changed copies that are found."""
    chosen = np.random.default_rng(0).permutation(len(paths))[:OTHERS]
    images = [Image.fromarray(decoding.decode(paths[row])).convert("L") for row in chosen]
    originals = [np.asarray(image) for image in images]
    copies = min(copies, len(originals))
    truth = {(row, len(originals) + row): row for row in range(copies)}
    print(f"{'change':32s} hash  neighbour  in all (of {copies} copies)")
    for name, change in CHANGES.items():
        changed = [np.asarray(change(image)) for image in images[:copies]]
        together = measured([*originals, *changed], [perceptual_hashes.measure])
        pairs = near_duplicates.find(together)
        cluster = near_duplicates.clusters(len(together.images), pairs)
        kinds = [
            kind
            for one, other, kind in zip(pairs["first"], pairs["second"], pairs["kind"], strict=True)
            if (one, other) in truth
        ]
        by_hash = sum(kind != "neighbour" for kind in kinds) / copies
        neighbour = kinds.count("neighbour") / copies
        in_all = np.mean([cluster[one] == cluster[other] for one, other in truth])
        print(f"{name:32s} {by_hash:4.0%}  {neighbour:9.0%}  {in_all:6.0%}", flush=True)


def report_scale(count: int) -> None:
    """Print time and memory of the search among random images."""
    rng = np.random.default_rng(0)
    thumbnails = np.empty((count, 64, 64), "uint8")
    for row in range(count):
        thumbnails[row] = rng.integers(0, 256, (16, 16), "uint8").repeat(4, 0).repeat(4, 1)
    hashes = {f"dhash_{o}": [rng.bytes(32).hex() for _ in range(count)] for o in ORIENTATIONS}
    small = measured([np.zeros((2, 2), "uint8")])
    table = pd.concat([small.images.table] * count, ignore_index=True)
    table["sha256"] = table.index.astype(str)
    images = replace(small.images, table=table)
    start = time.process_time()
    pairs = near_duplicates.find(
        Measurements(images, pd.DataFrame(hashes), thumbnails, {}, small.quarantine)
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    seconds = time.process_time() - start
    print(
        f"{count} random images: {seconds:.0f} CPU s, peak {peak} MiB, {len(pairs)} pairs",
        flush=True,
    )


ORIENTATIONS = perceptual_hashes.ORIENTATIONS
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=Path)
parser.add_argument("--copies", type=int, default=60)
parser.add_argument("--scale", type=int, nargs="*", default=[])
parser.add_argument("--out", type=Path)
options = parser.parse_args()
measurements = report_folder(options.folder, options.out)
if options.copies:
    report_copies(measurements.images.table["path"], options.copies)
for number in options.scale:
    report_scale(number)
