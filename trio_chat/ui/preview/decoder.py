"""The program of the child process that decodes an image: bytes on standard input, raw pixels on standard output.

It runs as a file, by ``python -I decoder.py FOLDER WIDTH HEIGHT PIXELS BYTES MEMORY SECONDS``, and imports nothing but
the standard library and Pillow, which is in FOLDER. It writes ``ok WIDTH HEIGHT`` and a newline, then three bytes for
each pixel, row by row; or ``no CODE`` and a newline. Before it looks at the image it gives away all that it does not
need: no file, socket or process can be opened or made, nothing can be written to a file, and the memory and the time of
the processor are limited, as far as the system has such limits. The image is then refused by its header, before it is
decoded, if it has more than PIXELS pixels.
"""

from __future__ import annotations

import io
import sys
from types import ModuleType

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "AVIF")
"""The formats, by Pillow's names. No other decoder of Pillow's is ever started: it has some forty."""
GREY = (128, 128, 128)
"""The colour behind a transparent image: dark and light drawings are both seen on it."""
_LANCZOS = 1  # Pillow's Resampling.LANCZOS
_ORIENTATION = 0x0112  # the tag of EXIF
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # from EXIF's numbers to those of Pillow's Transpose
_TURNED_SIDES = frozenset({2, 4, 5, 6})  # those of Pillow's that swap width and height


def give_up_rights(memory: int, seconds: int) -> None:
    """Limit this process for good: ``memory`` in bytes, ``seconds`` of the processor. A limit that the system does not
    have is left out."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return
    limits = (
        ("RLIMIT_AS", memory),
        ("RLIMIT_CPU", seconds),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_NPROC", 0),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_NOFILE", 0),  # the last: what is open stays open, and nothing else can be opened
    )
    for name, value in limits:
        number = getattr(resource, name, None)
        if number is not None:
            try:
                resource.setrlimit(number, (value, value))  # type: ignore[attr-defined, unused-ignore] # not on Windows
            except (ValueError, OSError):  # macOS refuses some of them
                continue


def decode(image_module: ModuleType, data: bytes, size: tuple[int, int], pixels: int) -> tuple[int, int, bytes]:
    """Decode the first picture of an image and make it fit into ``size``.

    Returns its width, its height, and its pixels as RGB. Raises :class:`OverflowError` for more than ``pixels`` pixels,
    and whatever Pillow raises.
    """
    image = image_module.open(io.BytesIO(data), formats=FORMATS)
    side = max(size)
    image.draft("RGB", (side * 2, side * 2))  # JPEG only: decoded at a part of its size, with that much less memory
    if image.width * image.height > pixels:
        raise OverflowError
    turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    turned = turn in _TURNED_SIDES
    if image.mode.startswith("I"):  # 16 bits of grey
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    elif image.mode not in {"RGB", "RGBA"}:
        image = image.convert("RGBA" if "transparency" in image.info or "A" in image.mode else "RGB")
    image = image.resize(_fitting(image.size, size[::-1] if turned else size), resample=_LANCZOS, reducing_gap=2.0)
    if turn is not None:
        image = image.transpose(turn)
    if image.mode == "RGBA":
        image = image_module.alpha_composite(image_module.new("RGBA", image.size, (*GREY, 255)), image)
    return image.width, image.height, image.convert("RGB").tobytes()


def rehearse(image_module: ModuleType) -> None:
    """Decode a tiny image of each format, so that every module that a decoder needs is read while files can be opened.
    A format that this Pillow does not have is left out."""
    for form in FORMATS:
        try:
            made = io.BytesIO()
            exif = image_module.Exif()
            exif[_ORIENTATION] = 6
            image_module.new("P" if form == "GIF" else "RGB", (4, 2)).save(made, form, exif=exif)
            decode(image_module, made.getvalue(), (2, 2), 100)
        except Exception:  # noqa: BLE001, S112 - its images will be refused one by one
            continue


def _fitting(size: tuple[int, int], most: tuple[int, int]) -> tuple[int, int]:
    """The greatest size within ``most`` that keeps the aspect; a small image is not made larger."""
    scale = min(most[0] / size[0], most[1] / size[1], 1.0)
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


def main(arguments: list[str]) -> int:
    """Decode the image on standard input; returns the exit status."""
    folder, *numbers = arguments
    width, height, pixels, most, memory, seconds = map(int, numbers)
    out = sys.stdout.buffer
    sys.path.append(folder)
    try:
        from PIL import AvifImagePlugin, Image  # noqa: PLC0415 - after its folder is known
    except ImportError:
        out.write(b"no pillow\n")
        return 1
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    Image.MAX_IMAGE_PIXELS = None  # our own bound is checked instead
    rehearse(Image)
    give_up_rights(memory, seconds)
    data = sys.stdin.buffer.read(most + 1)
    if len(data) > most:
        out.write(b"no large\n")
        return 1
    try:
        columns, rows, rgb = decode(Image, data, (width, height), pixels)
    except Exception as error:  # noqa: BLE001 - a decoder that meets nonsense may raise anything
        code = (
            b"pixels" if isinstance(error, OverflowError) else b"memory" if isinstance(error, MemoryError) else b"image"
        )
        out.write(b"no %s\n" % code)
        return 1
    out.write(b"ok %d %d\n" % (columns, rows) + rgb)
    out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
