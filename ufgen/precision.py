"""The precision that a network trains in: a rule of network and device, the same at any load.

bfloat16 halves the memory traffic of dense convolutions, but only where the device has
instructions for it; elsewhere each product is converted twice. Depthwise convolutions have no fast
bfloat16 kernels on CPUs. `benchmarks/classification/precision.py` measures whether the rule picks the faster one.
"""

from pathlib import Path

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
CPU_FLAGS = {"avx512_bf16", "amx_bf16"}
FIRST_NATIVE_GPU = (8, 0)
GENERATORS = ("dcgan", "residual")
CLASSIFIERS = ("custom_resnet50", "keras:ResNet")


def choose(requested: str, gaining: str, native: bool | None = None) -> str:
    """`requested`, or for "auto" the precision `gaining` where the device is `native`, or float32.

    `gaining` is what `of_generator` or `of_classifier` says of the network; `native` defaults to
    `native_bfloat16()`, which is asked only where it matters.
    """
    if requested != "auto":
        return requested
    if gaining == "float32":
        return "float32"
    return gaining if (native_bfloat16() if native is None else native) else "float32"


def of_generator(architecture: str) -> str:
    """The faster precision of a GAN on a device with bfloat16 instructions.

    `projected` runs through a frozen network, often of depthwise convolutions: not measured.
    """
    return "bfloat16" if architecture in GENERATORS else "float32"


def of_classifier(name: str) -> str:
    """The faster precision of a classifier on a device with bfloat16 instructions.

    For hybrid that of MobileNetV3 (depthwise convolutions), a comma, and that of ResNet50.
    """
    if name == "hybrid":
        return "float32,bfloat16"
    return "bfloat16" if name.startswith(CLASSIFIERS) else "float32"


def native_bfloat16() -> bool:
    """Whether all devices that the backend computes on have bfloat16 instructions."""
    found = compute_capabilities()
    if found:
        return min(found) >= FIRST_NATIVE_GPU
    return bool(CPU_FLAGS & _cpu_flags())


def compute_capabilities() -> list[tuple[int, ...]]:
    """The CUDA compute capability of each GPU, such as (8, 0); of any other kind (0, 0)."""
    from ufgen.backend import on_tensorflow

    if on_tensorflow():
        import tensorflow as tf

        details = tf.config.experimental.get_device_details
        gpus = tf.config.list_physical_devices("GPU")
        return [details(gpu).get("compute_capability", (0, 0)) for gpu in gpus]
    import jax

    gpus = [device for device in jax.devices() if device.platform in ("gpu", "cuda")]
    found = [str(getattr(gpu, "compute_capability", "0.0")) for gpu in gpus]
    return [tuple(int(n) for n in text.split(".")) for text in found]


def _cpu_flags(file: Path = Path("/proc/cpuinfo")) -> set[str]:
    """The features of this machine's CPU; none where the system does not list them."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())
