import numpy as np
import pytest
from PIL import Image

from recyclenet.errors import RecycleNetError
from recyclenet.webcam.camera import OpenCvCamera, parse_source, source_name
from tests.webcam.videos import write_video


def test_pictures_of_a_video_come_in_order_in_rgb(tmp_path, trashnet):
    photos = [Image.open(path).convert("RGB") for path in sorted(trashnet.glob("dataset-resized/*/*1.jpg"))[:3]]
    camera = OpenCvCamera(write_video(tmp_path / "v.avi", photos))
    for photo in photos:
        picture = camera.read()
        assert (picture.mode, picture.size) == ("RGB", photo.size)
        # The file keeps every bit, so that red and blue in each other's place would show.
        assert np.array_equal(np.asarray(picture), np.asarray(photo))
    assert camera.read() is None
    camera.close()


def test_a_camera_is_let_go_of(tmp_path):
    camera = OpenCvCamera(write_video(tmp_path / "v.avi", [Image.new("RGB", (64, 48))] * 2))
    assert camera.read() is not None
    camera.close()
    assert camera.read() is None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (97, r"no camera 97: plug one in .* or name another number \(such as 1\), a video file or an address"),
        ("missing.avi", r"no camera or video at missing\.avi: expected a camera's number"),
        ("http://127.0.0.1:1/stream", "no pictures from http://127.0.0.1:1/stream: expected the address"),
        ("empty.avi", r"empty\.avi is not a video that can be read here"),
        (".", r"\. is not a video"),
    ],
)
def test_no_camera(tmp_path, monkeypatch, capfd, source, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.avi").touch()
    with pytest.raises(RecycleNetError, match=message):
        OpenCvCamera(source)
    assert capfd.readouterr() == ("", "")  # OpenCV and FFmpeg say nothing beside it


def test_numbers_are_cameras_and_the_rest_is_not():
    assert [parse_source(text) for text in ("0", "12", "v.mp4", "/dev/video2", "-1", "²")] == [
        *(0, 12),
        *("v.mp4", "/dev/video2", "-1", "²"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("99999999999", "no camera has the number 99999999999: expected one such as 0, of at most 9999"),
        ("9" * 5000, "no camera has the number 99999999999999999999:"),
        ("10000", "no camera has the number 10000:"),
        ("", "no camera is named: expected a camera's number, a video file"),
    ],
)
def test_what_names_no_camera(text, message):
    with pytest.raises(RecycleNetError, match=message) as raised:
        parse_source(text)
    assert "\n" not in str(raised.value)


def test_the_greatest_number_is_looked_for():
    assert [parse_source("9999"), parse_source("00000"), parse_source("0000001")] == [9999, 0, 1]
    with pytest.raises(RecycleNetError, match="no camera 9999: plug one in"):
        OpenCvCamera(9999)


def test_what_messages_call_it():
    assert [source_name(source) for source in (0, "v.mp4", "rtsp://host/stream")] == [
        *("camera 0", "v.mp4", "rtsp://host/stream"),
    ]
    assert source_name("rtsp://me:se:cret@host/stream") == "rtsp://me:…@host/stream"
    assert source_name("http://[broken") == "http://[broken"
    with pytest.raises(RecycleNetError, match=r"no pictures from http://me:…@127.0.0.1:1/") as raised:
        OpenCvCamera("http://me:secret@127.0.0.1:1/")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(("written", "taken"), [(12.5, 12.5), (1000, 30.0)])
def test_a_files_rate(tmp_path, written, taken):
    camera = OpenCvCamera(write_video(tmp_path / "v.avi", [Image.new("RGB", (64, 48))], rate=written))
    assert camera.rate == pytest.approx(taken)
    camera.close()


def test_a_photo_is_no_video(tmp_path):
    photo = tmp_path / "glass.JPG"
    photo.write_bytes(b"")
    with pytest.raises(RecycleNetError, match=r"glass\.JPG is a photo, not a video: 'recyclenet predict "):
        parse_source(str(photo))
    assert parse_source(str(tmp_path / "frame%03d.jpg")).endswith("frame%03d.jpg")  # numbered pictures
