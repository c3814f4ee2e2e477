"""Mutated manifests, archives and study files: each is read, or refused with a clear error.

    python benchmarks/inputs/fuzz_texts.py [--files 3000]

Valid manifests (CSV), zip archives of images and study files (YAML) are mutated (bytes flipped,
parts cut out, repeated or exchanged, special values inserted) and read as a command reads them:
`image_set.scan` and the first image's pixels, `study_yaml.read_all`. Printed is for each kind how
many were read, refused with a clear error, ended in another exception (must be 0) or took more
than ten seconds (must be 0), and what was written outside of the folder (must be nothing).
"""

import argparse
import io
import signal
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from ufgen.errors import UserError

LIMIT = 10  # seconds
SPECIAL = [
    *(b"\x00", b"\xff\xfe", b"../", b"/etc/passwd", b"C:\\", b"\r\n", b'"', b",,,,", b";"),
    *(b"\xef\xbb\xbf", b"nan", b"1e999", b"-1", b"99999999999999999999", b"!!python/object:x"),
    *(b"&a [*a]", b"{", b"]", b"\t", b": ", b"path", b"train", b"null", b"\xc3\x28", b"%s%n"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=3000)
    count = parser.parse_args().files // 3
    signal.signal(signal.SIGALRM, _too_long)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        inside = place / "in"
        write_images(inside)
        before = listing(place)
        for kind, (content, suffix, reader) in kinds(inside).items():
            results, started = Counter(), time.perf_counter()
            for seed in range(count):
                file = inside / f"fuzzed{suffix}"
                file.write_bytes(mutated(content, np.random.default_rng(seed)))
                results[outcome(reader, file)] += 1
                file.unlink()
            seconds = time.perf_counter() - started
            print(kind, dict(results), f"{seconds:.0f} s", flush=True)
        print("written elsewhere:", sorted(listing(place) - before) or "nothing")


def write_images(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(8):
        path = folder / ("train", "test")[i % 2] / ("UF", "NUF")[i // 2 % 2] / f"p{i}_{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32), dtype="uint8")).save(path)


def kinds(folder: Path) -> dict:
    from experiments.design import study_yaml

    paths = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.png"))]
    lines = [",".join([p, p.split("/")[1], p.split("/")[0], f"g{i}"]) for i, p in enumerate(paths)]
    manifest = "\n".join(["path,label,split,group", *lines]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            archive.write(folder / path, path)
    study = study_yaml.shipped()["quick"].read_bytes()
    return {
        "manifests": (manifest, ".csv", read_images),
        "archives": (buffer.getvalue(), ".zip", read_images),
        "studies": (study, ".yaml", study_yaml.read_all),
    }


def read_images(file: Path) -> None:
    from ufgen.images import image_set
    from ufgen.images.decoding import decode

    images = image_set.scan(file, binary=False)
    for path in images.table["path"]:
        try:
            decode(path)
        except UserError:
            continue  # quarantined


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        start, stop = np.sort(rng.integers(0, len(data) + 1, 2))
        start, stop = int(start), int(min(stop, start + rng.integers(1, 200)))
        match int(rng.integers(5)):
            case 0 if start < len(data):
                data[start] ^= 1 << int(rng.integers(8))
            case 1:
                del data[start:stop]
            case 2:
                data[start:start] = data[start:stop]
            case 3:
                data[start:start] = SPECIAL[int(rng.integers(len(SPECIAL)))]
            case _:
                data[start:stop] = SPECIAL[int(rng.integers(len(SPECIAL)))]
        if not data:
            break
    return bytes(data)


def outcome(reader, file: Path) -> str:
    signal.alarm(LIMIT)
    try:
        reader(file)
        return "read"
    except UserError:
        return "refused"
    except TimeoutError:
        return "HANGS"
    except Exception:
        traceback.print_exc(limit=-3)
        return "EXCEPTIONS"
    finally:
        signal.alarm(0)


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError


def listing(place: Path) -> set[str]:
    return {str(path) for path in place.rglob("*")}


if __name__ == "__main__":
    main()
