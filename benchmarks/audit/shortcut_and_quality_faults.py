"""Faults of the second kind: shortcuts to the label, poor images, and stray files."""

from pathlib import Path

import numpy as np
from faults import change, fault, read, relocate, rows, save
from PIL import Image, ImageDraw, ImageFilter


def of(table, label):
    return table[table["label"] == label]


def pixels_of(picture):
    return np.asarray(picture, float)


def as_image(pixels):
    return Image.fromarray(np.clip(pixels, 0, 255).astype("uint8"))


@fault("shortcut-file-numbers", grouped=False)
def number_in_name(table, rng):
    table = table.sort_values("label", ignore_index=True)
    order = [f"IMG_{n * 3 + int(rng.integers(3)):05d}.jpg" for n in range(len(table))]
    return relocate(table.assign(name=order, to=table["split"]), table.index)


@fault("shortcut-file-size", "shortcut-compression")
def file_size(table, rng):
    for path in of(table, "UF")["path"]:
        content = Path(path).read_bytes()
        Path(path).unlink()
        Path(path).write_bytes(content + bytes(int(rng.integers(2000, 4000))))
    return table


@fault("shortcut-compression", "shortcut-file-size")
def jpeg_quality(table, rng):
    for path in of(table, "UF")["path"]:
        save(read(path), path, quality=80)
    return table


@fault("shortcut-image-size", "mixed-resolutions")
def image_size(table, rng):
    change(of(table, "UF"), lambda p: p.resize((p.width + 16, p.height + 16)))
    return table


@fault("shortcut-brightness")
def mean_brightness(table, rng):
    change(of(table, "UF"), lambda p: p.point(lambda v: min(255, int(v * 1.25 + 10))))
    return table


@fault("shortcut-borders")
def frame(table, rng):
    def draw(p):
        ImageDraw.Draw(p).rectangle((0, 0, p.width - 1, p.height - 1), outline=200, width=3)
        return p

    change(of(table, "UF"), draw)
    return table


@fault("shortcut-overlays")
def overlay_text(table, rng):
    def draw(p):
        ImageDraw.Draw(p).text((3, 2), f"FIB {int(rng.integers(10, 99))}", fill=255)
        return p

    change(of(table, "UF"), draw)
    return table


@fault("shortcut-overlays")
def caliper_marks(table, rng):
    def draw(p):
        pen = ImageDraw.Draw(p)
        for _ in range(2):
            x, y = (int(v) for v in rng.integers(25, p.width - 25, 2))
            pen.line((x - 3, y, x + 3, y), fill=255)
            pen.line((x, y - 3, x, y + 3), fill=255)
        return p

    change(of(table, "UF"), draw)
    return table


@fault("shortcut-colour")
def colour(table, rng):
    def tint(p):
        pixels = pixels_of(p.convert("RGB"))
        pixels[30:50, 30:50] *= (1.4, 0.6, 0.4)
        return as_image(pixels)

    change(of(table, "UF"), tint)
    return table


@fault("shortcut-metadata")
def metadata(table, rng):
    for path in of(table, "UF")["path"]:
        exif = Image.Exif()
        exif[305] = "Tumour board export 2.1"
        save(read(path), path, exif=exif)
    for path in of(table, "NUF")["path"]:
        exif = Image.Exif()
        exif[305] = "Screening export 1.0   "
        save(read(path), path, exif=exif)
    return table


@fault("burned-in-text")
def burned_in_name(table, rng):
    def draw(p):
        ImageDraw.Draw(p).text((3, 2), "DOE, JANE", fill=255)
        return p

    change(rows(table, 40, rng), draw)
    return table


@fault("label-noise-candidates", easy=True)
def flipped_labels(table, rng):
    chosen = rng.permutation(len(table))[: len(table) // 20]
    label = table["label"].to_numpy().copy()
    label[chosen] = np.where(label[chosen] == "UF", "NUF", "UF")
    return table.assign(label=label)


@fault("constant-images")
def constant_image(table, rng):
    change(rows(table, 3, rng), lambda p: Image.new("L", p.size, 17))
    return table


@fault("dark-images")
def dark_image(table, rng):
    change(rows(table, 3, rng), lambda p: p.point(lambda v: v // 6))
    return table


@fault("blurred-images")
def blurred_image(table, rng):
    change(rows(table, 3, rng), lambda p: p.filter(ImageFilter.GaussianBlur(2)))
    return table


@fault("foreign-images")
def foreign_image(table, rng):
    from sklearn.datasets import load_sample_image

    names = iter(["china.jpg", "flower.jpg"])
    change(rows(table, 2, rng), lambda p: Image.fromarray(load_sample_image(next(names))))
    return table


@fault("mask-like-images", "left-out-masks")
def segmentation_masks(table, rng):
    def mask(p):
        drawn = Image.new("L", p.size, 0)
        ImageDraw.Draw(drawn).ellipse((30, 35, 60, 58), fill=255)
        return drawn

    added = rows(table, 8, rng).assign(path=lambda t: t["path"].str.replace(".jpg", "_mask.png"))
    for path in added["path"]:
        save(mask(Image.new("L", (96, 96))), path)
    return type(table)(np.vstack([table, added]), columns=table.columns)


@fault("unreadable-files")
def truncated_file(table, rng):
    for path in rows(table, 3, rng)["path"]:
        content = Path(path).read_bytes()
        Path(path).unlink()
        Path(path).write_bytes(content[: len(content) // 3])
    return table


@fault("mixed-resolutions")
def resolution_by_split(table, rng):
    change(table[table["split"] == "test"], lambda p: p.resize((p.width * 2, p.height * 2)))
    return table


@fault("class-imbalance", "few-groups")
def rare_class(table, rng):
    keep = np.r_[: len(table)][(table["label"] != "UF") | (rng.random(len(table)) < 0.08)]
    return table.iloc[keep].reset_index(drop=True)


@fault("left-out-junk", grouped=False)
def junk_files(table, rng):
    folder = Path(table["path"].iloc[0]).parent
    (folder / "notes.txt").write_text("exported 2019")
    (folder / "Thumbs.db").write_bytes(b"\x00" * 64)
    (folder / "._0001.jpg").write_bytes(b"\x00\x05\x16\x07" * 8)
    return table
