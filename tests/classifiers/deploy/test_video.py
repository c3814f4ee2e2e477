"""Videos: frames in order, broken files, and what is drawn on a frame."""

import sys

import numpy as np
import pytest

from classifiers.deploy import overlay, video
from classifiers.deploy.predictor import Prediction
from ufgen.errors import UserError

QUANTISED = ("dynamic", "int8")
RUN = "from ufgen.cli import main; main()"


def test_frames_of_a_video_come_in_order_and_broken_ones_are_counted(clip, tmp_path):
    opened = video.Video(clip("a.avi"))
    frames = list(opened)
    assert [f.number for f in frames] == list(range(20)) and opened.broken == 0
    assert frames[10].seconds == pytest.approx(0.4) and frames[0].pixels.shape == (48, 64, 3)
    content = (tmp_path / "a.avi").read_bytes()
    (tmp_path / "short.avi").write_bytes(content[: len(content) // 2])
    opened = video.Video(tmp_path / "short.avi")
    assert len(list(opened)) + opened.broken == 20 and opened.broken > 5
    assert opened.where.endswith("18, 19")


def test_videos_that_show_nothing_are_refused(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(UserError, match="cannot be read as a video"):
        video.Video(tmp_path / "a.mp4")
    with pytest.raises(UserError, match="there is no camera 63"):
        video.Video(63)


def test_opencv_missing_is_said(monkeypatch, clip):
    file = clip("a.avi", 2)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(UserError, match=r"ufgen\[video\]"):
        video.Video(file)


def test_leaving_a_video_early_stops_its_thread(clip):
    import threading

    before = threading.active_count()
    for _ in video.Video(clip("a.avi", 60)):
        break
    assert threading.active_count() <= before + 1


def test_overlays_show_the_box():
    picture = np.zeros((100, 200), np.uint8)
    heatmap = np.zeros((2, 2), "float32")
    prediction = Prediction(0.9, "UF", (0.5, 0.5, 1.0, 1.0), heatmap, "UF", 0.4)
    overlaid = overlay.draw(picture, prediction)
    assert overlaid.shape == (100, 200, 3) and tuple(overlaid[50, 150]) == overlay.COLOUR
    assert overlaid[75, 150].max() == 0 and overlaid[:10, :60].max() > 200
