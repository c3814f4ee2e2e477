"""Damage thousands of valid images of every format, and decode what is left of them.

    python benchmarks/inputs/fuzz_images.py [--files 2000] [--seed 0] [--keep FOLDER]

Each file is damaged by one to three changes: flipped bits, an inserted or repeated run, swapped
pieces, a truncated end, or a number in its first half replaced by a huge one. It is decoded in a
worker process with a time limit. A decoder may refuse a file by a UserError or read it; any other
exception, and any hang or crash, counts against it, and makes this program exit with status 1.
"""

import argparse
import multiprocessing
import random
import sys
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]

import dicom_files  # noqa: E402

SECONDS = 30  # for one file
HUGE = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80")
HUGE += (b"\xff\xff", b"\xff\x7f", b"\x00\x00", b"\x00\x00\x00\x00", b"\x10\x27", b"\x27\x10")


def valid_files(folder: Path) -> dict[str, list[Path]]:
    """A few files of each format: grey and colour, deep and with several frames."""
    rng = np.random.default_rng(0)
    smooth = rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)
    colour = np.asarray(Image.fromarray(smooth).resize((70, 60)))
    picture = Image.fromarray(colour)
    grey, deep = picture.convert("L"), Image.fromarray(colour[..., 0].astype(np.uint16) * 257)
    frames = [Image.fromarray(np.roll(colour, 9 * n, axis=1)) for n in range(4)]
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a picture"
    several = {"save_all": True, "append_images": frames}
    pages = {"save_all": True, "append_images": [frame.convert("L") for frame in frames]}
    wanted = {
        "jpeg": [(picture, ".jpg", {"exif": exif}), (grey, ".jpg", {"progressive": True})],
        "mpo": [(picture, ".jpg", {"format": "MPO", **several})],
        "png": [(picture, ".png", {"exif": exif}), (grey, ".png", {}), (deep, ".png", {})],
        "apng": [(picture, ".png", several)],
        "bmp": [(picture, ".bmp", {}), (picture.quantize(16), ".bmp", {})],
        "tiff": [(picture, ".tif", {}), (deep, ".tif", {}), (grey.convert("1"), ".tif", {})],
        "tiff packed": [(picture, ".tif", {"compression": name}) for name in ("tiff_lzw", "jpeg")],
        "tiff pages": [(grey.copy(), ".tif", pages)],
        "webp": [(picture, ".webp", {}), (picture, ".webp", {"lossless": True, "exif": exif})],
        "webp animated": [(picture, ".webp", several)],
        "gif": [(picture, ".gif", {}), (picture, ".gif", several)],
        "jpeg 2000": [(picture, ".jp2", {}), (grey, ".jp2", {"irreversible": True})],
    }
    found: dict[str, list[Path]] = {}
    for name, files in wanted.items():
        for number, (image, suffix, options) in enumerate(files):
            path = folder / f"{name} {number}{suffix}"
            image.save(path, **options)
            found.setdefault(name, []).append(path)
    moving = np.stack([np.asarray(frame.convert("L")) for frame in frames])
    for syntax in dicom_files.SYNTAXES:
        name = f"dicom {syntax}"
        found[name] = [
            dicom_files.write(folder / f"{name} c.dcm", colour, syntax, PatientID="1"),
            dicom_files.write(folder / f"{name} g.dcm", moving, syntax, frames=len(moving)),
        ]
    window = {"WindowCenter": 99, "WindowWidth": 80, "RescaleSlope": 2, "RescaleIntercept": -9}
    twelve = (colour[..., 0].astype(np.uint16) * 16).astype(np.int16)
    found["dicom windows"] = [dicom_files.write(folder / "w.dcm", twelve, bits=13, **window)]
    palette = {}
    for one in ("Red", "Green", "Blue"):
        palette[f"{one}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        palette[f"{one}PaletteColorLookupTableData"] = rng.bytes(512)
    found["dicom palette"] = [
        dicom_files.write(folder / "p.dcm", colour[..., 0], "implicit", "PALETTE COLOR", **palette)
    ]
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("UF/a.bmp", found["bmp"][0].read_bytes())
    found["zip"] = [folder / "a.zip"]
    return found


def damaged(content: bytes, rng: random.Random) -> bytes:
    """One to three changes, more of them near the start, where the headers are."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        length = max(1, len(changed))
        at = int(length * rng.random() ** rng.choice((1, 3)))
        kind = rng.randrange(6)
        if kind == 0:
            for _ in range(rng.choice((1, 4, 40))):
                place = min(int(length * rng.random() ** 2), len(changed) - 1)
                changed[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del changed[at:]
            changed += b"" if changed else b"\0"
        elif kind == 2:
            changed[at:at] = rng.choice((rng.randbytes(9), bytes(64), b"\xff" * 5000))
        elif kind == 3:
            piece, size = rng.randrange(length), rng.randint(1, 64)
            first, second = changed[at : at + size], changed[piece : piece + size]
            changed[at : at + size], changed[piece : piece + size] = second, first
        elif kind == 4:
            number = rng.choice(HUGE)
            at = rng.randrange(max(1, length // 2))
            changed[at : at + len(number)] = number
        else:
            changed[at:at] = changed[at : at + rng.randint(1, 200)] * rng.randint(1, 20)
    png = bytes(changed).startswith(b"\x89PNG") and rng.random() < 0.7
    return with_checksums(bytes(changed)) if png else bytes(changed)


def with_checksums(png: bytes) -> bytes:
    """The PNG with the checksums that its damaged chunks should have, so that they are read."""
    repaired, at = bytearray(png), 8
    while at + 12 <= len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4])
        if end + 4 > len(png):
            break
        repaired[end : end + 4] = zlib.crc32(png[at + 4 : end]).to_bytes(4)
        at = end + 4
    return bytes(repaired)


def work(connection: Connection) -> None:
    """Decode the files named on a connection, and say how each ended."""
    from ufgen.errors import UserError
    from ufgen.images import decoding

    while path := connection.recv():
        try:
            picture = decoding.decode(path)
            assert picture.dtype == np.uint8 and picture.ndim in (2, 3) and picture.size
            result = "decoded"
        except UserError as error:
            result = f"refused {error}"
        except BaseException as error:
            result = f"{type(error).__name__}: {error}"
        connection.send((result, peak_memory()))


def peak_memory() -> float:
    """The most MiB that this process has held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


class Worker:
    """A process that decodes, started again when it hangs or dies."""

    def __init__(self) -> None:
        self.memory = 0.0
        self.start()

    def start(self) -> None:
        self.connection, other = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=work, args=(other,), daemon=True)
        self.process.start()
        other.close()

    def decode(self, path: str) -> str:
        self.connection.send(path)
        try:
            if self.connection.poll(SECONDS):
                result, memory = self.connection.recv()
                self.memory = max(self.memory, memory)
                return result
            ended = "hang"
        except EOFError:
            ended = "crash"
        self.process.kill()
        self.process.join()
        self.start()
        return ended

    def stop(self) -> None:
        self.connection.send("")
        self.process.join()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for the files that end badly")
    options = parser.parse_args()
    failures: Counter[str] = Counter()
    columns = ("decoded", "refused", "exceptions", "hangs", "crashes", "peak MiB", "seconds")
    print(f"{'format':18}" + "".join(f"{name:>11}" for name in columns))
    with tempfile.TemporaryDirectory() as temporary:
        formats = valid_files(Path(temporary))
        for number, (name, files) in enumerate(formats.items()):
            rng = random.Random(f"{options.seed} {name}")
            share = options.files // len(formats) + (number < options.files % len(formats))
            worker, counts, start = Worker(), Counter(), time.perf_counter()
            for _ in range(share):
                source = rng.choice(files)
                content = damaged(source.read_bytes(), rng)
                path = Path(temporary) / f"damaged{source.suffix}"
                path.write_bytes(content)
                inside = "/UF/a.bmp" if source.suffix == ".zip" else ""
                result = worker.decode(f"{path}{inside}")
                kind = result.split()[0]
                kind = kind if kind in ("decoded", "refused", "hang", "crash") else "exception"
                counts[kind] += 1
                if kind not in ("decoded", "refused"):
                    failures[f"{name}: {result[:150]}"] += 1
                    if options.keep:
                        options.keep.mkdir(parents=True, exist_ok=True)
                        kept = options.keep / f"{name} {sum(failures.values())}{source.suffix}"
                        kept.write_bytes(content)
            worker.stop()
            kinds = ("decoded", "refused", "exception", "hang", "crash")
            row = "".join(f"{counts[kind]:>11}" for kind in kinds)
            seconds = time.perf_counter() - start
            print(f"{name:18}{row}{worker.memory:>11.0f}{seconds:>11.1f}", flush=True)
    for failure, count in failures.most_common():
        print(f"{count} x {failure}")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
