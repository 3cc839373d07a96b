"""Photos that people give to the app: real ones, huge ones, damaged ones, too many."""

from __future__ import annotations

import hashlib
import io
import struct
import threading
import time
import zlib

import numpy as np
import pytest
import web_app
from PIL import Image
from web_app import MINE, Page, encoded, photo, pixels_of

from gradcam_mx.apps.web.album import Album, Limits
from gradcam_mx.apps.web.refused import Refused

KINDS = {
    "PNG": {},
    "JPEG": {"quality": 95},
    "BMP": {},
    "GIF": {},
    "TIFF": {},
    "WEBP": {"lossless": True},
}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with Page([web_app.held(web_app.export(tmp_path_factory.mktemp("net")))]) as made:
        yield made


def bomb(width, height):
    """A small PNG that says that it is huge, and is."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = b"\0" * (1 + (width + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_kind_of_file_is_taken_under_its_hash(page, kind):
    data = encoded(photo(3), kind, **KINDS[kind])
    told = page.upload(data, f"a.{kind.lower()}")
    assert told["id"] == hashlib.sha256(data).hexdigest()
    assert (told["width"], told["height"], told["source"]) == (50, 40, "upload")
    assert page.upload(data, "again.png", 200)["name"] == f"a.{kind.lower()}"
    shown = pixels_of(page.get(told["picture"]))
    assert shown.shape[0] / shown.shape[1] == pytest.approx(0.8)
    assert page.get(told["thumbnail"]).startswith(b"\x89PNG")
    assert told in page.get("api/state")["photos"]
    page.delete(f"api/photos/{told['id']}")
    assert told not in page.get("api/state")["photos"]
    page.get(told["picture"], 404)


def test_what_a_net_sees_is_shown(page):
    told = page.upload(encoded(photo(4)))
    (net,) = page.workspace.nets.values()
    seen = pixels_of(page.get(f"{told['picture']}?net={net.id}"))
    larger = seen.shape[0] // 32
    np.testing.assert_array_equal(seen[::larger, ::larger], web_app.PREPARE.crop(photo(4)))


def test_a_photo_that_was_held_upright_is_upright(page, tmp_path):
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photo(5)).save(file, "JPEG", exif=exif)
    told = page.upload(file.getvalue())
    assert (told["width"], told["height"]) == (40, 50)
    path = tmp_path / "a.jpg"
    path.write_bytes(file.getvalue())
    album = Album()
    assert not album.add_files([path])
    (held,) = album.all()
    assert (held.width, held.height) == (40, 50)
    assert album.pixels(held).shape == (50, 40, 3)
    album.close()


def test_a_huge_picture_is_refused_before_it_is_decoded(page, monkeypatch):
    data = bomb(30_000, 30_000)
    assert len(data) < 300_000
    monkeypatch.setattr("gradcam_mx.zoo.read_photo", None)
    began = time.monotonic()
    for size in (data, bomb(9_000, 9_000)):
        error = page.upload(size, "bomb.png", 413)["error"]
        assert "million" in error
    assert time.monotonic() - began < 5
    assert not [one for one in page.workspace.album.all() if one.name == "bomb.png"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", 422),
        (b"hello", 422),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", 422),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", 422),
        (encoded(photo(6))[:200], 422),
        (encoded(photo(6), "JPEG")[:-400], 422),
        (b"GIF89a" + b"\xff" * 40, 422),
        (b"II*\0" + b"\xff" * 60, 422),
    ],
    ids=lambda one: repr(one)[:30],
)
def test_what_is_no_photo_is_refused_in_plain_words(page, data, code):
    before = page.get("api/state")["photos"]
    error = page.upload(data, "strange.png", code)["error"]
    assert "strange.png" in error
    assert "/tmp" not in error
    assert page.get("api/state")["photos"] == before


def test_a_file_that_is_too_large_is_refused(page):
    limit = page.workspace.album.limits.upload_bytes
    answer = page.client.post("/api/photos", data=b"\0" * (limit + 1), headers=MINE)
    assert answer.status_code == 413
    assert page.client.post("/api/photos", json={}, headers=MINE).status_code == 415


@pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::RuntimeWarning:PIL")
def test_five_hundred_damaged_files_do_no_harm(page):
    draw = np.random.RandomState(0)
    whole = [
        encoded(photo(number, 24, 30), kind, **how)
        for number, (kind, how) in enumerate(KINDS.items())
    ]
    codes = set()
    for number in range(500):
        data = bytearray(whole[number % len(whole)])
        for _ in range(draw.randint(1, 12)):
            place = draw.randint(len(data))
            way = draw.randint(4)
            if way == 0:
                data[place] = draw.randint(256)
            elif way == 1:
                del data[place : place + draw.randint(1, 40)]
            elif way == 2:
                data[place:place] = draw.bytes(draw.randint(1, 40))
            else:
                data[place : place + 4] = b"\xff\xff\xff\xff"
        answer = page.client.post("/api/photos", data=bytes(data), headers=MINE)
        codes.add(answer.status_code)
        assert answer.status_code in (200, 201, 413, 422), answer.data
        if answer.status_code == 201:
            page.delete(f"api/photos/{answer.get_json()['id']}")
    assert {201, 422} <= codes
    assert page.upload(encoded(photo(8)), code=None)["width"] == 50


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\evil.png", "evil.png"),
        ("/", "photo"),
        ("", "photo"),
        ("a\x00b\r\n.png", "ab.png"),
        ("x" * 999, "x" * 120),
        ("ü <b>.png", "ü <b>.png"),
    ],
)
def test_a_name_is_a_name_and_never_a_path(page, name, shown):
    told = page.upload(encoded(photo(11)), name)
    assert told["name"] == shown
    path = page.workspace.album.find(told["id"]).path
    assert path.name == told["id"]
    assert path.parent == page.workspace.album._folder
    page.delete(f"api/photos/{told['id']}")
    assert not path.exists()


def test_photos_and_their_bytes_are_bounded(monkeypatch):
    data = [encoded(photo(number)) for number in range(6)]
    album = Album(Limits(photos=3, all_bytes=len(data[0]) + len(data[1]) + 10))
    album.add_upload(data[0], "a")
    album.add_upload(data[1], "b")
    with pytest.raises(Refused, match="MB in all") as error:
        album.add_upload(data[2], "c")
    assert error.value.status == 429
    album.close()
    album = Album(Limits(photos=3, decoded_bytes=2 * photo(0).nbytes))
    refused = []
    # all of them are let in before any is there
    together, decoded = threading.Barrier(len(data)), album._decoded

    def decode(*given):
        together.wait(30)
        return decoded(*given)

    monkeypatch.setattr(album, "_decoded", decode)

    def add(one):
        try:
            album.add_upload(one, "x")
        except Refused as error:
            refused.append(error.status)

    threads = [threading.Thread(target=add, args=(one,)) for one in data]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    monkeypatch.undo()
    assert len(album.all()) == 3
    assert refused == [429] * 3
    assert album._pixels.bytes <= 2 * photo(0).nbytes
    for one in album.all():
        assert album.pixels(one).shape == (40, 50, 3)
    assert len(list(album._folder.iterdir())) == 3
    album.close()
    assert not album._folder.exists()


def test_a_file_of_the_folder_that_changes_is_not_taken_for_what_it_was(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(photo(0)))
    album = Album(Limits(decoded_bytes=1))
    assert not album.add_files([path])
    (held,) = album.all()
    assert album.pixels(held).shape == (40, 50, 3)
    album._pixels.drop(held.id)
    time.sleep(0.02)
    path.write_bytes(encoded(photo(1)))
    with pytest.raises(Refused, match="has changed"):
        album.pixels(held)
    album.remove(held.id)
    assert path.exists()
    album.close()
