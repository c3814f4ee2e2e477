"""How many lines of burned-in text are found, how many boxes are false, and how long it takes?

    python benchmarks/audit/overlays.py [FOLDER] [--scans 40] [--minutes 3] [--sheet found.png]

Simulated sectors get lines of text on black or on tissue, in several sizes and grey levels; a line
is found where more than half of its box is covered. Crosses, dotted lines, rulers and colour are
drawn on others, and the sector is compared with where the scan is. Clean scans give false boxes. Of
the images of FOLDER (at most two thirds of --minutes), those with boxes are drawn in SHEET, to be
judged by eye. Text on tissue below grey level 200 is not looked for.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ufgen.images.decoding import decode, find_files
from ufgen.phantom.patient import simulate_patient
from ufgen.preparation.fill import inpaint
from ufgen.preparation.overlay_measure import measure
from ufgen.preparation.overlays import find_overlays

TEXTS = ("SMITH^ANNA", "12.03.1974", "RT OVARY", "MI 0.9 TIS 0.4", "Uterus long", "D1 3.45 cm")
PLACES = {"black": ((5, 5), (690, 12), (8, 700)), "tissue": ((420, 300), (330, 420), (450, 520))}
WIDTH, HEIGHT, SIZE = 1024, 768, 640


def canvas(number):
    """A sector on the black screen of a scanner, and where it is."""
    scan = simulate_patient(5, number, ("NUF", "UF")[number % 2], 1, SIZE)[0].pixels
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    picture[60 : 60 + SIZE, 190 : 190 + SIZE] = scan
    rows, columns = (np.flatnonzero((picture > 20).any(axis)) for axis in (1, 0))
    return picture, (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)


def write(picture, where, size, fill, rng):
    """The picture with three lines of text, and their boxes."""
    image, font, boxes = Image.fromarray(picture), ImageFont.load_default(size), []
    draw = ImageDraw.Draw(image)
    for x, y in PLACES[where]:
        text = TEXTS[rng.integers(len(TEXTS))]
        draw.text((x, y), text, fill=fill, font=font)
        left, top, right, bottom = map(int, draw.textbbox((x, y), text, font=font))
        boxes.append((top, left, bottom, right))
    return np.array(image), boxes


def recall(found, boxes):
    mask = found.text_mask
    return [mask[t:b, left:right].mean() > 0.5 for t, left, b, right in boxes]


def draw_marks(picture):
    """Crosses, a dotted line, a ruler and a colour box, and the mask of each."""
    colour = np.repeat(picture[..., None], 3, axis=2)
    masks = {name: np.zeros(picture.shape, bool) for name in ("cross", "dots", "ruler", "colour")}
    for x, y in ((400, 300), (600, 420)):
        masks["cross"][y - 1 : y + 1, x - 9 : x + 9] = True
        masks["cross"][y - 9 : y + 9, x - 1 : x + 1] = True
    for part in np.linspace(0.1, 0.9, 21):
        x, y = round(400 + 200 * part), round(300 + 120 * part)
        masks["dots"][y : y + 2, x : x + 2] = True
    for y in range(100, 640, 30):
        masks["ruler"][y : y + 2, 930:945] = True
    masks["colour"][450:500, 480:560] = True
    for name, value in (("cross", 255), ("dots", 255), ("ruler", 190)):
        colour[masks[name]] = value
    colour[masks["colour"]] = (210, 60, 40)
    return colour, masks


def seconds(function, *arguments, repeats=9):
    """The least processor time of some calls: others share the machine."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function(*arguments)
        times.append(time.process_time() - start)
    return min(times)


def sheet(path, hits):
    tiles = Image.new("RGB", (8 * 256, -(-max(1, len(hits)) // 8) * 256))
    for number, (picture, boxes) in enumerate(hits):
        image = Image.fromarray(picture).convert("RGB")
        draw = ImageDraw.Draw(image)
        for top, left, bottom, right in boxes:
            draw.rectangle((left - 1, top - 1, right, bottom), outline=(255, 0, 0))
        image.thumbnail((256, 256))
        tiles.paste(image, (number % 8 * 256, number // 8 * 256))
    tiles.save(path)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=Path, nargs="?")
parser.add_argument("--scans", type=int, default=40)
parser.add_argument("--minutes", type=float, default=3)
parser.add_argument("--sheet", type=Path, default=Path("found.png"))
options = parser.parse_args()
rng = np.random.default_rng(0)
scans = [canvas(number) for number in range(options.scans)]

print("text size, grey level: lines found on black, on tissue")
for size in (10, 12, 16, 20, 28):
    for fill in (120, 200, 255):
        row = []
        for where in PLACES:
            results = []
            for picture, _ in scans[:: max(1, len(scans) // 10)]:
                written, boxes = write(picture, where, size, fill, rng)
                results += recall(find_overlays(written), boxes)
            row.append(f"{np.mean(results):4.0%} of {len(results)}")
        print(f"{size:3d} px, {fill}: {row[0]}, {row[1]}")

clean = [find_overlays(picture) for picture, _ in scans]
print(f"clean scans with text boxes: {sum(bool(found.text) for found in clean)} of {len(clean)}")
print(f"clean scans, pixels taken for calipers: {np.mean([f.calipers.mean() for f in clean]):.2%}")
pairs = list(zip(clean, scans, strict=True))
off = [np.abs(np.subtract(f.sector, box)).max() for f, (_, box) in pairs if f.sector]
print(f"sector found: {len(off)} of {len(clean)}, largest error of a side {max(off)} px of {WIDTH}")
parts = {}
for picture, _ in scans[:20]:
    marked, masks = draw_marks(picture)
    marks = find_overlays(marked).marks
    for name, mask in masks.items():
        parts.setdefault(name, []).append(marks[mask].mean())
for name, values in parts.items():
    print(f"marks, {name}: {np.mean(values):.0%} of the pixels found")

half = np.array(Image.fromarray(scans[0][0]).resize((512, 384)))
square = simulate_patient(5, 0, "UF", 1, 512)[0].pixels
print(f"measure, 512 x 512: {1000 * seconds(measure, '', square):.1f} ms of processor time")
print(f"measure, 512 x 384: {1000 * seconds(measure, '', half):.1f} ms")
print(f"measure, 1024 x 768: {1000 * seconds(measure, '', scans[0][0]):.1f} ms")
middle = np.array(Image.fromarray(scans[0][0]).resize((768, 576)))
print(
    f"inpaint, 768 x 576: {1000 * seconds(inpaint, middle, rng.random(middle.shape) < 0.02):.0f} ms"
)

if options.folder:
    deadline, seen, hits = time.monotonic() + 40 * options.minutes, 0, []
    for file in find_files([options.folder]):
        if time.monotonic() > deadline:
            break
        picture = decode(file)
        seen += 1
        if boxes := find_overlays(picture).text:
            hits.append((picture, boxes))
    print(
        f"{options.folder.name}: {len(hits)} of {seen} images with text boxes, in {options.sheet}"
    )
    sheet(options.sheet, hits)
