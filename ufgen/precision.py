"""The precision that a network is trained in: a rule of network and device, independent of load.

bfloat16 halves the memory traffic of dense convolutions, but only where the device has
instructions for it; elsewhere each product is converted twice. Depthwise convolutions have no fast
bfloat16 kernels on CPUs. `benchmarks/classification/precision.py` measures whether the rule is
right.
"""

from pathlib import Path

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
CPU_FLAGS = {"avx512_bf16", "amx_bf16"}
FIRST_NATIVE_GPU = (8, 0)
GENERATORS = ("dcgan", "residual")
CLASSIFIERS = ("custom_resnet50", "keras:ResNet")


def choose_precision(requested: str, faster: str, native: bool | None = None) -> str:
    """Choose the precision to train in.

    Args:
        requested: "auto", or the precision to use.
        faster: The faster precision of the network where bfloat16 is native (see
            `faster_generator_precision` and `faster_classifier_precision`).
        native: Whether the device has bfloat16 instructions; by default it is examined.

    Returns:
        The requested precision, or for "auto" the faster one: "float32" or "bfloat16", or both with
        a comma for the two networks of hybrid.

    Example:
        >>> [choose_precision("auto", "bfloat16", native) for native in (True, False)]
        ['bfloat16', 'float32']
    """
    if requested != "auto":
        return requested
    if faster == "float32":
        return "float32"
    return faster if (native_bfloat16() if native is None else native) else "float32"


def faster_generator_precision(architecture: str) -> str:
    """Look up the faster precision of a GAN on a device with bfloat16 instructions.

    Args:
        architecture: As in a recipe. `projected`, whose frozen network often has depthwise
            convolutions, was not measured.

    Returns:
        "float32" or "bfloat16".
    """
    return "bfloat16" if architecture in GENERATORS else "float32"


def faster_classifier_precision(name: str) -> str:
    """Look up the faster precision of a classifier on a device with bfloat16 instructions.

    Args:
        name: The name of the classifier.

    Returns:
        "float32" or "bfloat16"; for hybrid that of MobileNetV3 (depthwise convolutions) and that of
        ResNet50, with a comma.

    Example:
        >>> faster_classifier_precision("hybrid")
        'float32,bfloat16'
    """
    if name == "hybrid":
        return "float32,bfloat16"
    return "bfloat16" if name.startswith(CLASSIFIERS) else "float32"


def native_bfloat16() -> bool:
    """Check for bfloat16 instructions.

    Returns:
        Whether all devices of the backend have them.
    """
    from ufgen import backend

    capabilities = backend.compute_capabilities()
    if capabilities:
        return min(capabilities) >= FIRST_NATIVE_GPU
    return bool(CPU_FLAGS & _cpu_flags())


def _cpu_flags(file: Path = Path("/proc/cpuinfo")) -> set[str]:
    """The feature flags of this machine's CPU; none where the system does not list them."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())
