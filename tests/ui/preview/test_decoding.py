"""Images decoded in a process of their own: what comes out, and what hostile ones cannot do. With real processes."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import trio
from PIL import Image

from tests.ui.preview.images import COLOURS, png_claiming, quarters, saved
from trio_chat.errors import NotDone
from trio_chat.ui.preview import decoding
from trio_chat.ui.preview.decoding import MOST_BYTES, DecodingLimits, check_image, decode_image
from trio_chat.ui.preview.picture import Picture

NORMAL = DecodingLimits()
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not have each of the limits")


def pixel(picture: Picture, x: int, y: int) -> tuple[int, ...]:
    at = (y * picture.width + x) * 3
    return tuple(picture.rgb[at : at + 3])


def corners(picture: Picture) -> list[tuple[int, ...]]:
    right, low = picture.width - 2, picture.height - 2
    return [pixel(picture, *place) for place in ((1, 1), (right, 1), (1, low), (right, low))]


def near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 24 for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "AVIF"])
async def test_an_image_of_each_format_comes_back_as_pixels_that_fit(form: str) -> None:
    picture = await decode_image(quarters(form), 40, 16, "photo")
    assert picture[:2] == (16, 16)
    assert all(near(found, wanted) for found, wanted in zip(corners(picture), COLOURS, strict=True))


async def test_the_aspect_stays_and_a_small_image_is_not_made_larger() -> None:
    wide = await decode_image(saved(Image.new("RGB", (400, 100)), "PNG"), 80, 80, "wide")
    assert wide[:2] == (80, 20)
    line = await decode_image(saved(Image.new("RGB", (4000, 1)), "PNG"), 80, 80, "line")
    assert line[:2] == (80, 1)
    dot = await decode_image(saved(Image.new("RGB", (3, 2)), "PNG"), 80, 80, "dot")
    assert dot[:2] == (3, 2)


async def test_a_photograph_is_turned_as_the_camera_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the right side of the picture is its top
    picture = await decode_image(quarters("JPEG", exif=exif), 16, 16, "photo")
    red, green, blue, white = COLOURS
    assert all(near(a, b) for a, b in zip(corners(picture), (blue, red, white, green), strict=True))
    wide = await decode_image(saved(Image.new("RGB", (400, 100)), "JPEG", exif=exif), 80, 80, "wide")
    assert wide[:2] == (20, 80)


async def test_what_is_transparent_is_grey() -> None:
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    picture = await decode_image(saved(clear, "PNG"), 8, 8, "clear")
    assert near(pixel(picture, 4, 4), (128, 128, 128))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "RGBA"])
async def test_an_image_of_any_mode_is_shown(mode: str) -> None:
    image = Image.new("I;16", (8, 8), 65535) if mode == "I;16" else Image.new("RGB", (8, 8), "white").convert(mode)
    picture = await decode_image(saved(image, "PNG"), 8, 8, mode)
    assert near(pixel(picture, 4, 4), (255, 255, 255))


async def test_the_first_picture_of_an_animation_is_shown() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    for form in ("GIF", "WEBP", "PNG"):
        data = saved(frames[0], form, save_all=True, append_images=frames[1:], lossless=True)
        picture = await decode_image(data, 8, 8, "moving")
        assert near(pixel(picture, 4, 4), (255, 0, 0)), form


# ---- hostile ones --------------------------------------------------------------------------------


async def refusal(data: bytes, limits: DecodingLimits = NORMAL, name: str = "photo.png") -> NotDone:
    with pytest.raises(NotDone) as caught:
        await decode_image(data, 40, 40, name, limits)
    assert caught.value.advice
    assert name in caught.value.message
    return caught.value


async def test_an_image_that_claims_too_many_pixels_is_refused_by_its_header() -> None:
    for size in ((60_000, 60_000), (2**31 - 1, 2**31 - 1), (1, 40_000_000)):
        data = png_claiming(*size, rows=0)
        assert "too many pixels" in (await refusal(data)).message


async def test_a_bomb_of_a_few_bytes_is_refused() -> None:
    data = png_claiming(20_000, 2_000, rows=2_000)
    assert len(data) < 130_000  # 120 MB of pixels
    assert "too many pixels" in (await refusal(data)).message


@on_linux
async def test_an_image_that_needs_too_much_memory_is_refused() -> None:
    data = png_claiming(8_000, 3_900, rows=3_900)
    why = await refusal(data, DecodingLimits(memory=120 * 1024 * 1024))
    assert "too much memory" in why.message
    assert (await decode_image(data, 8, 8, "fits"))[:2] == (8, 4)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "AVIF"])
async def test_a_damaged_image_is_refused_or_shown_but_harms_nobody(form: str) -> None:
    chance, data = random.Random(form), quarters(form)
    for _ in range(2):
        damaged = bytearray(data)
        for _ in range(8):
            damaged[chance.randrange(16, len(damaged))] = chance.randrange(256)
        try:
            picture = await decode_image(bytes(damaged), 16, 16, "damaged")
        except NotDone:
            continue
        else:
            assert len(picture.rgb) == picture.width * picture.height * 3 <= 16 * 16 * 3
    assert "cannot be decoded" in (await refusal(data[: len(data) // 3])).message


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a/*" + b"*/=1;alert(1)//<script>alert(1)</script>",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\xff" * 20,
        b"\xff\xd8\xff\xe0" + b"nothing of a photograph",
    ],
)
async def test_the_head_of_an_image_before_something_else_is_refused(data: bytes) -> None:
    assert (await refusal(data)).code == "not_shown"


async def test_what_is_no_image_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(trio.lowlevel, "open_process", start)
    bomb = BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros", bytes(10_000_000))
    for data in (bomb.getvalue(), b"<svg onload='alert(1)'/>", b"%PDF-1.7\n", b"", b"text"):
        assert (await refusal(data)).code == "no_image"
    with pytest.raises(NotDone, match="images of at most 32"):
        check_image(MOST_BYTES + 1, "image/png", "large.png")
    monkeypatch.setattr(decoding, "find_spec", lambda _: None)
    with pytest.raises(NotDone, match="not installed") as caught:
        check_image(10, "image/png", "photo.png")
    assert "pip install 'trio-chat[images]'" in caught.value.advice


# ---- a decoder that was taken over ---------------------------------------------------------------


class Children:
    """Puts another program in the place of the decoder, and keeps the processes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
        self.processes: list[trio.Process] = []
        self.started = trio.Event()
        real = trio.lowlevel.open_process

        async def start(command: list[str], **options: Any) -> trio.Process:
            process = await real([sys.executable, "-I", "-c", program], **options)
            self.processes.append(process)
            self.started.set()
            return process

        monkeypatch.setattr(trio.lowlevel, "open_process", start)

    def assert_dead(self) -> None:
        assert [process.poll() is not None for process in self.processes] == [True]


@pytest.mark.parametrize("program", ["import time; time.sleep(600)", "while True: pass"])
async def test_a_decoder_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    children = Children(monkeypatch, program)
    why = await refusal(quarters("PNG"), DecodingLimits(seconds=0.2))
    assert "takes too long" in why.message
    children.assert_dead()


async def test_a_decoder_is_killed_when_nobody_waits_for_it_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    children = Children(monkeypatch, "import time; time.sleep(600)")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(decode_image, quarters("PNG"), 8, 8, "photo")
        await children.started.wait()
        nursery.cancel_scope.cancel()
    children.assert_dead()


@pytest.mark.parametrize(
    "output",
    [
        "b'x' * 10**7",
        "b'ok 40 40\\n' + bytes(10**7)",
        "b'ok 4000 4000\\n' + bytes(4000 * 4000 * 3)",
        "b'ok 2 2\\n' + bytes(11)",
        "b'ok -2 -2\\n' + bytes(12)",
        "b'ok 0 0\\n'",
        "b'ok 999999999999999999999 1\\n'",
        "b'ok one two\\nx'",
        "b'\\x1b]0;title\\x07\\n'",
        "b''",
    ],
)
async def test_nothing_but_the_pixels_asked_for_is_taken(monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    children = Children(monkeypatch, f"import sys; sys.stdout.buffer.write({output})")
    assert "\x1b" not in str(await refusal(quarters("PNG")))
    children.assert_dead()


async def test_a_large_image_is_not_waited_for_when_the_decoder_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    children = Children(monkeypatch, "pass")
    assert "cannot be decoded" in (await refusal(quarters("BMP", side=2000))).message
    children.assert_dead()


_ATTEMPTS = """
import json, os, resource, runpy, socket, sys
decoder = runpy.run_path({path!r}, run_name="decoder")
opened = open({file!r}, "ab")
decoder["give_up_rights"](600 * 1024 * 1024, 5)
outcomes = {{}}
def attempt(name, act):
    try:
        act()
        outcomes[name] = "done"
    except (OSError, MemoryError) as error:
        outcomes[name] = type(error).__name__
def write():
    opened.write(b"x")
    opened.flush()


attempt("read", lambda: open("/etc/hostname"))
attempt("make", lambda: os.open({new!r}, os.O_CREAT | os.O_WRONLY))
attempt("connect", lambda: socket.socket())
attempt("pipe", os.pipe)
attempt("duplicate", lambda: os.dup(0))
attempt("memory", lambda: bytearray(700 * 1024 * 1024))
attempt("write", write)
try:
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
    raised = os.geteuid() != 0
except (OSError, ValueError):
    raised = False
outcomes["raised"] = raised
os.write(1, json.dumps(outcomes).encode())
os._exit(0)
"""


@on_linux
def test_a_decoder_can_open_no_file_and_no_connection_and_write_nothing(tmp_path: Path) -> None:
    path = Path(decoding.__file__).with_name("decoder.py")
    program = _ATTEMPTS.format(path=str(path), file=str(tmp_path / "old"), new=str(tmp_path / "new"))
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, check=True, timeout=60)
    outcomes = json.loads(done.stdout)
    assert outcomes.pop("raised") is False
    assert outcomes.pop("memory") == "MemoryError"
    assert set(outcomes) == {"read", "make", "connect", "pipe", "duplicate", "write"}
    assert set(outcomes.values()) == {"OSError"}
    assert (tmp_path / "old").read_bytes() == b""
    assert not (tmp_path / "new").exists()


async def test_the_decoder_sees_no_environment_and_no_argument_of_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIO_CHAT_PASSWORD", "secret")
    seen: list[tuple[list[str], dict[str, Any]]] = []
    real = trio.lowlevel.open_process

    async def start(command: list[str], **options: Any) -> trio.Process:
        seen.append((command, options))
        return await real(command, **options)

    monkeypatch.setattr(trio.lowlevel, "open_process", start)
    await decode_image(quarters("PNG"), 8, 8, "'; rm -rf ~ #.png")
    [(command, options)] = seen
    assert "TRIO_CHAT_PASSWORD" not in options["env"]
    assert not any("rm" in word for word in command[5:])
