"""`auto` precision: a rule of network and device that no clock and no load can change."""

import json

import pytest

from classifiers import registry
from experiments.design.study import Study
from experiments.running import study_precision
from ufgen import backend, precision
from ufgen.gan.generator_folder import resolve_precision
from ufgen.gan.recipe import Recipe

FASTER = {  # measured with bfloat16 instructions: docs/benchmarks.md
    "custom_resnet50": "bfloat16",
    "mobilenet_v3": "float32",
    "mobilenet_v3_small": "float32",
    "efficientnet_lite0": "float32",
    "hybrid": "float32,bfloat16",
}


@pytest.fixture
def device(monkeypatch):
    """A function that simulates a device: the flags of a CPU, or the capabilities of GPUs."""

    def put(flags=(), gpus=()):
        monkeypatch.setattr(precision, "_cpu_flags", lambda: set(flags))
        monkeypatch.setattr(backend, "compute_capabilities", lambda: list(gpus))

    return put


def _chosen(name: str) -> str:
    return precision.choose_precision("auto", precision.faster_classifier_precision(name))


@pytest.mark.parametrize(
    ("flags", "gpus", "native"),
    [
        ({"avx2"}, [], False),
        ({"avx512f", "avx512_bf16"}, [], True),
        ({"amx_bf16"}, [], True),
        ({"amx_bf16"}, [(7, 5)], False),
        (set(), [(8, 0)], True),
        (set(), [(9, 0), (7, 0)], False),
    ],
)
def test_auto_takes_the_faster_precision_of_each_network(device, flags, gpus, native):
    device(flags, gpus)
    assert {*registry.NAMES} == {*FASTER}
    for name, faster in FASTER.items():
        assert _chosen(name) == (faster if native else "float32")
    assert _chosen("keras:ResNet50") == ("bfloat16" if native else "float32")
    assert _chosen("keras:MobileNetV2?alpha=0.35") == "float32"
    for architecture in ("dcgan", "residual"):
        recipe = resolve_precision(Recipe(architecture=architecture, updates="alternate"))
        assert recipe.precision == ("bfloat16" if native else "float32")
    projected = Recipe(architecture="projected", updates="alternate", features="keras:MobileNetV2")
    assert resolve_precision(projected).precision == "float32"


def test_what_is_requested_is_taken(device):
    device()
    assert precision.choose_precision("bfloat16", "float32") == "bfloat16"
    device({"amx_bf16"})
    assert resolve_precision(Recipe(precision="float32")).precision == "float32"


def test_the_flags_of_the_cpu_are_read(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text("processor : 0\nflags\t\t: fpu avx512_bf16 amx_bf16\n\nprocessor : 1\n")
    assert precision._cpu_flags(file) >= {"avx512_bf16", "amx_bf16"}
    assert precision._cpu_flags(tmp_path / "none") == set()


def _study(**changes) -> Study:
    content = {
        "name": "one",
        "arms": ["real", "synthetic"],
        "classifiers": ["custom_resnet50", "hybrid"],
    }
    return Study.model_validate(content | changes)


def test_a_study_keeps_one_precision_for_all_generators_and_networks(device, tmp_path):
    device({"amx_bf16"})
    study, used = study_precision.resolve_and_store(_study(), tmp_path)
    assert used == {
        "generators": "bfloat16",
        "custom_resnet50": "bfloat16",
        "hybrid": "float32,bfloat16",
    }
    assert study.generator.options["precision"] == "bfloat16"
    assert "hybrid float32 and bfloat16" in study_precision.text(used)
    device()  # it goes on on another machine
    again, later = study_precision.resolve_and_store(_study(), tmp_path)
    assert later == used and again.generator.options == study.generator.options


def test_a_named_precision_is_forgotten_when_the_study_goes_back_to_auto(device, tmp_path):
    device()
    named = {
        "training": {"precision": "bfloat16"},
        "generator": {"options": {"precision": "bfloat16"}},
    }
    _, used = study_precision.resolve_and_store(_study(**named), tmp_path)
    assert set(used.values()) == {"bfloat16"}
    _, used = study_precision.resolve_and_store(_study(), tmp_path)
    assert set(used.values()) == {"float32"}


def test_the_precision_of_an_older_version_is_ignored(device, tmp_path):
    device()
    (tmp_path / "precision.json").write_text(json.dumps({"custom_resnet50": "bfloat16"}))
    _, used = study_precision.resolve_and_store(_study(), tmp_path)
    assert used["custom_resnet50"] == "float32"
