"""From an image file to its answer: LiteRT in float32, dynamic and int8, ONNX Runtime, and Keras.

    python benchmarks/classification/latency.py IMAGE_FOLDER [--size 224] [--rounds 5] [--video]

Networks have random weights, with batch normalisation adapted to the images, so that int8 ranges
are like a trained one's. Each contestant takes its turn in each round, on the same images, with
batch 1 and two threads: decode, resize, run. Printed are the median and the 95th percentile in
milliseconds, and the megabytes of the file. With `--video`, also the seconds that 30 s of video at
25 frames a second (640 x 480, made of the images) take.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from classifiers import registry
from classifiers.deploy import export
from classifiers.deploy.predictor import NETWORK_FILES, Predictor
from classifiers.deploy.video import Video, Writer
from ufgen.images.decoding import decode, find_files, resize

NETWORKS = ("custom_resnet50", "mobilenet_v3", "hybrid")
CONTESTANTS = {
    "litert": ("litert", "none"),
    "litert dynamic": ("litert", "dynamic"),
    "litert int8": ("litert", "int8"),
    "onnx": ("onnx", "none"),
    "keras predict": None,
}
IMAGES = 20
SECONDS, RATE, FRAME = 30, 25, (640, 480)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--video", action="store_true")
    options = parser.parse_args()
    files = find_files([options.folder])
    files = files[:: max(1, len(files) // IMAGES)][:IMAGES]
    with tempfile.TemporaryDirectory() as place:
        clip = Path(place) / "clip.mp4"
        if options.video:
            write_clip(files, clip)
        for name in options.networks:
            compare(name, files, options, Path(place) / name, clip if options.video else None)


def compare(name: str, files: list, options, place: Path, clip: Path | None) -> None:
    shown = np.stack([resize(decode(file), options.size) for file in files])
    network = network_with_moments(name, shown)
    judges, size = {}, {}
    for contestant, how in CONTESTANTS.items():
        if how is None:
            judges[contestant] = by_keras(network.model, options.size)
            continue
        runtime, quantisation = how
        folder = place / contestant
        folder.mkdir(parents=True)
        export.write(
            network, metadata(name, options.size), runtime, folder, quantisation, examples=shown
        )
        predictor = Predictor(folder)
        judges[contestant] = predictor.predict
        size[contestant] = (folder / NETWORK_FILES[runtime]).stat().st_size / 1e6
    times = {contestant: [] for contestant in judges}
    for judge in judges.values():
        judge(files[0])
    for _ in range(options.rounds):
        for contestant, judge in judges.items():
            for file in files:
                started = time.perf_counter()
                judge(file)
                times[contestant].append(1000 * (time.perf_counter() - started))
    for contestant, found in times.items():
        median, high = np.percentile(found, [50, 95])
        line = f"{name:16} {contestant:14} p50 {median:6.1f} ms  p95 {high:6.1f} ms"
        line += f"  {size[contestant]:6.1f} MB" if contestant in size else " " * 11
        if clip and contestant in size:
            line += f"  {SECONDS} s of video: {video_seconds(place / contestant, clip):5.1f} s"
        print(line, flush=True)


def network_with_moments(name: str, shown: np.ndarray):
    """A random network that knows the moments of its images; no bias is 0, as after training."""
    network = registry.build(name, shown.shape[1], 1)
    rng = np.random.default_rng(0)
    for variable in network.model.trainable_variables:
        if variable.name == "bias":
            variable.assign(rng.normal(0, 0.01, variable.shape))
    for start in range(0, 20 * 4, 4):
        rows = np.arange(start, start + 4) % len(shown)
        network.model(shown[rows].astype("float32"), training=True)
    return network


def by_keras(model, size: int):
    return lambda file: model.predict(resize(decode(file), size)[None].astype("float32"), verbose=0)


def metadata(name: str, size: int) -> dict:
    """What `ufgen export` takes from a trained folder."""
    return {
        "classifier": name,
        "labels": {"positive": "positive", "negative": "negative"},
        "threshold": 0.0,
        "temperature": 1.0,
        "input": {"size": size, "channels": 1, "fit": "crop"},
    }


def write_clip(files: list, clip: Path) -> None:
    pictures = [np.asarray(ImageOps.pad(Image.open(f).convert("RGB"), FRAME)) for f in files]
    with Writer(clip, RATE) as writer:
        for frame in range(SECONDS * RATE):
            writer.write(np.roll(pictures[frame // RATE % len(pictures)], frame, axis=1))


def video_seconds(folder: Path, clip: Path) -> float:
    predictor = Predictor(folder)
    started = time.perf_counter()
    frames = sum(1 for frame in Video(clip) if predictor.predict(frame.pixels))
    assert frames == SECONDS * RATE
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
