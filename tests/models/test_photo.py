"""The decoder of photos: every kind of file gives the same pixels, what is none says what it is."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from support.photos import image_file, photo_input
from vigie.models.model_input import Input
from vigie.models.photo import BrokenPhoto, photo_file, photo_of, read_photo
from vigie.models.photo_figures import FIGURES, photo_figures
from vigie.models.photo_format import FORMATS


def scene(width: int = 256, height: int = 192) -> Image.Image:
    """A soft picture whose four corners differ, so that a turned one is told."""
    down, across = np.mgrid[0:height, 0:width].astype(np.float64)
    red = 255 * across / width
    green = 255 * down / height
    blue = 127 + 120 * np.sin(across / 40) * np.cos(down / 30)
    return Image.fromarray(np.stack([red, green, blue], axis=2).astype(np.uint8))


def file_of(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    return image_file(image, kind, **({"quality": 95} if kind == "JPEG" else {}) | options)


def pixels_of(data: bytes, item: Input | None = None) -> np.ndarray:
    return read_photo(data, item or photo_input(48, 64)).pixels.astype(np.int16)


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return np.asarray(scene().resize((64, 48), Image.Resampling.BILINEAR)).astype(np.int16)


@pytest.mark.parametrize(
    ("kind", "options", "most"),
    [
        *[("JPEG", {"subsampling": kind}, 6) for kind in ("4:4:4", "4:2:2", "4:2:0", "4:1:1")],
        ("JPEG", {"progressive": True}, 6),
        ("PNG", {}, 1),
        ("PNG", {"interlace": 1}, 1),
        ("WEBP", {"lossless": True}, 1),
        ("BMP", {}, 1),
        ("TIFF", {"compression": "tiff_lzw"}, 1),
        ("AVIF", {"quality": 95}, 8),
    ],
)
def test_each_format_gives_the_same_pixels(
    kind: str, options: dict[str, Any], most: int, expected: np.ndarray
) -> None:
    assert np.abs(pixels_of(file_of(scene(), kind, **options)) - expected).max() <= most


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_is_made_upright(orientation: int, expected: np.ndarray) -> None:
    upright = scene()
    # how a camera writes it: turned by the inverse of what the block says
    stored = {
        1: upright,
        2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.transpose(Image.Transpose.ROTATE_180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: upright.transpose(Image.Transpose.TRANSPOSE),
        6: upright.transpose(Image.Transpose.ROTATE_90),
        7: upright.transpose(Image.Transpose.TRANSVERSE),
        8: upright.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        photo = read_photo(file_of(stored, kind, exif=exif), photo_input(48, 64))
        assert np.abs(photo.pixels.astype(np.int16) - expected).max() <= 10, kind
        assert photo.figures[FIGURES.index("aspect")] == pytest.approx(256 / 192)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_broken_orientation_is_none(expected: np.ndarray) -> None:
    data = file_of(scene(), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert np.abs(pixels_of(data) - expected).max() <= 6


def test_other_modes_become_rgb(expected: np.ndarray) -> None:
    grey = np.asarray(scene().convert("L").resize((64, 48), Image.Resampling.BILINEAR))
    assert np.abs(pixels_of(file_of(scene().convert("CMYK"))) - expected).max() <= 8
    assert np.abs(pixels_of(file_of(scene().convert("L"))) - grey[:, :, None]).max() <= 6
    palette = scene().quantize(256)
    wanted = np.asarray(palette.convert("RGB").resize((64, 48), Image.Resampling.BILINEAR))
    assert np.abs(pixels_of(file_of(palette, "PNG")) - wanted.astype(np.int16)).max() <= 4
    assert np.abs(pixels_of(file_of(palette, "GIF")) - wanted.astype(np.int16)).max() <= 4
    assert set(np.unique(pixels_of(file_of(scene().convert("1"), "PNG")))) <= set(range(256))


def test_sixteen_bits_lose_their_lower_half() -> None:
    grey = np.asarray(scene().convert("L")).astype(np.uint16)
    deep = Image.fromarray(grey * 257)
    shallow = Image.fromarray(grey.astype(np.uint8))
    for kind in ("PNG", "TIFF"):
        same = pixels_of(file_of(shallow, "PNG"))
        assert np.abs(pixels_of(file_of(deep, kind)) - same).max() <= 1


def test_what_is_transparent_lies_on_white() -> None:
    clear = scene().convert("RGBA")
    clear.putalpha(0)
    half = scene().convert("RGBA")
    half.putalpha(128)
    for kind in ("PNG", "WEBP"):
        assert (pixels_of(file_of(clear, kind)) >= 254).all()
    wanted = (np.asarray(scene()).astype(float) * 128 + 255 * 127) / 255
    small = Image.fromarray(wanted.astype(np.uint8)).resize((64, 48), Image.Resampling.BILINEAR)
    assert np.abs(pixels_of(file_of(half, "PNG")) - np.asarray(small).astype(np.int16)).max() <= 2
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([10, 20, 30])
    assert (pixels_of(file_of(palette, "PNG", transparency=0)) == 255).all()


def test_of_several_pictures_the_first_is_taken(expected: np.ndarray) -> None:
    black = Image.new("RGB", (256, 192))
    for kind in ("PNG", "TIFF", "WEBP"):
        options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
        data = file_of(scene(), kind, save_all=True, append_images=[black], **options)
        assert np.abs(pixels_of(data) - expected).max() <= 1, kind
    palette = scene().quantize(256)
    wanted = np.asarray(palette.convert("RGB").resize((64, 48), Image.Resampling.BILINEAR))
    data = file_of(palette, "GIF", save_all=True, append_images=[black] * 20)
    assert np.abs(pixels_of(data) - wanted.astype(np.int16)).max() <= 4


def test_fit_says_what_becomes_of_another_aspect() -> None:
    halves = Image.new("RGB", (400, 100), "red")
    halves.paste("blue", (150, 0, 250, 100))
    data = file_of(halves, "PNG")
    square = {fit: pixels_of(data, photo_input(50, 50, fit=fit)) for fit in ("crop", "pad")}
    assert (square["crop"][:, 2:-2] == [0, 0, 255]).all()
    assert (square["pad"][:15] == 0).all()
    assert (square["pad"][-15:] == 0).all()
    assert (square["pad"][25, 0] == [255, 0, 0]).all()


def test_a_large_jpeg_is_opened_at_a_reduced_scale(expected: np.ndarray) -> None:
    large = scene().resize((4096, 3072), Image.Resampling.BICUBIC)
    assert np.abs(pixels_of(file_of(large)) - expected).max() <= 6
    assert np.abs(pixels_of(file_of(large, "PNG", compress_level=1)) - expected).max() <= 4


def png_of_size(width: int, height: int) -> bytes:
    """The head of a picture of that size, with too few pixels behind it."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><p>not found", "an HTML page"),
        (b"\n<html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "a PostScript file"),
        (b"SIMPLE  =                    T", "a FITS file"),
        (b"<svg xmlns='x'>", "a drawing (SVG)"),
        (b"\0\0\0\x20ftypisom\0\0\0\0", "a film"),
        (b"hello", "no photo"),
        (file_of(scene())[:3000], "a photo that ends too early"),
        (file_of(scene(), "PNG")[:3000], "a photo that ends too early"),
        (png_of_size(30_000, 30_000), "a photo of more than 50 megapixels"),
        (png_of_size(50_001, 1_000), "a photo of more than 50 megapixels"),
        (png_of_size(200, 200), "a photo that ends too early"),
    ],
    ids=range(15),
)
def test_what_is_no_photo_is_told_apart(data: bytes, what: str) -> None:
    with pytest.raises(BrokenPhoto) as refused:
        read_photo(data, photo_input(48, 64))
    assert what in str(refused.value)


def jpeg_of_segments() -> bytes:
    data = file_of(scene(64, 48))
    return data[:2] + b"\xff\xe5\x00\x02" * 500_000 + data[2:]


def jpeg_of_passes() -> bytes:
    """Of 16 megapixels: its last scan, without a bit in it, again and again."""
    data = file_of(Image.new("L", (4000, 4000)), progressive=True)
    start, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    length = 2 + int.from_bytes(data[start + 2 : start + 4])
    return data[:end] + (data[start : start + length] + b"\0") * 20_000 + data[end:]


def png_of_chunks(before: bool) -> bytes:
    data = file_of(scene(64, 48), "PNG")
    chunk = struct.pack(">I", 0) + b"prVt" + struct.pack(">I", zlib.crc32(b"prVt"))
    place = 33 if before else len(data) - 12
    return data[:place] + chunk * 200_000 + data[place:]


def gif_of_comments() -> bytes:
    data = file_of(scene(64, 48).quantize(256), "GIF")
    place = 13 + 3 * 256
    return data[:place] + b"\x21\xfe\x01a\x00" * 500_000 + data[place:]


def tiff_of_one_tile(side: int) -> bytes:
    """16 x 16 pixels of a far larger tile."""
    content = zlib.compress(bytes(side * side))
    tags = {
        256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 277: 1, 284: 1, 322: side, 323: side,
        324: 8 + 2 + 11 * 12 + 4, 325: len(content),
    }  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + content


@pytest.mark.parametrize(
    "data",
    [
        jpeg_of_segments(),
        jpeg_of_passes(),
        png_of_chunks(before=True),
        png_of_chunks(before=False),
        gif_of_comments(),
        tiff_of_one_tile(4096),
    ],
    ids=["segments", "passes", "chunks before", "chunks behind", "comments", "tile"],
)
def test_what_keeps_a_reader_busy_is_no_photo(data: bytes) -> None:
    with pytest.raises(BrokenPhoto, match="a broken photo"):
        read_photo(data, photo_input(48, 64))
    with pytest.raises(BrokenPhoto, match="a broken photo"):
        read_photo(memoryview(data), photo_input(48, 64))


@pytest.mark.parametrize("compression", ["tiff_ccitt", "group3", "group4"])
def test_a_fax_is_no_photo(compression: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(file_of(scene().convert("1"), "TIFF", compression=compression))
    data[300:3000:2] = bytes(len(data[300:3000:2]))
    with pytest.raises(BrokenPhoto, match="a fax"):
        read_photo(bytes(data), photo_input(48, 64))
    assert capfd.readouterr().err == ""


def test_a_tile_may_be_larger_than_a_small_picture() -> None:
    assert pixels_of(tiff_of_one_tile(256)).shape == (48, 64, 3)


def test_a_narrow_photo_is_one() -> None:
    line = Image.new("RGB", (50_000, 1), "green")
    for fit in ("stretch", "crop", "pad"):
        assert pixels_of(file_of(line, "PNG"), photo_input(48, 64, fit=fit)).shape == (48, 64, 3)


def test_other_readers_of_pillow_see_nothing() -> None:
    for kind in ("PPM", "TGA", "ICO", "PCX"):
        with pytest.raises(BrokenPhoto, match="no photo"):
            read_photo(file_of(scene(64, 64), kind), photo_input(48, 64))


def test_floating_numbers_are_refused() -> None:
    with pytest.raises(BrokenPhoto, match="floating"):
        read_photo(file_of(Image.new("F", (8, 8)), "TIFF"), photo_input(48, 64))


def test_a_phone_s_photo_is_opened_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    made = BytesIO()
    pillow_heif.from_pillow(scene()).save(made, quality=95)
    read_photo(made.getvalue(), photo_input(48, 64))
    for module in ("photo", "photo_format"):
        monkeypatch.setattr(f"vigie.models.{module}.taken_formats", lambda: FORMATS)
    with pytest.raises(BrokenPhoto, match=r"HEIC .* send JPEG, or install pillow-heif"):
        read_photo(made.getvalue(), photo_input(48, 64))
    with pytest.raises(BrokenPhoto, match="AVIF"):
        read_photo(file_of(scene(), "AVIF"), photo_input(48, 64))


def test_a_broken_photo_of_a_format_that_is_taken_is_called_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = file_of(scene(), "AVIF")[:40]
    with pytest.raises(BrokenPhoto, match="a broken photo"):
        read_photo(data, photo_input(48, 64))
    for module in ("photo", "photo_format"):
        monkeypatch.setattr(f"vigie.models.{module}.taken_formats", lambda: FORMATS)
    with pytest.raises(BrokenPhoto, match="an AVIF photo, which is not taken here"):
        read_photo(data, photo_input(48, 64))


def test_a_colour_profile_changes_nothing(expected: np.ndarray) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.abs(pixels_of(file_of(scene(), icc_profile=profile)) - expected).max() <= 6


def test_pixels_of_a_package_are_a_photo(expected: np.ndarray) -> None:
    same = photo_of(np.asarray(scene()), photo_input(48, 64))
    assert np.abs(same.pixels.astype(np.int16) - expected).max() <= 1
    kept = photo_of(same.pixels, photo_input(48, 64))
    assert kept.pixels is same.pixels


def test_a_small_file_of_pixels_can_be_read_again() -> None:
    data = photo_file(np.asarray(scene()), 64)
    with Image.open(BytesIO(data)) as image:
        assert image.size == (64, 48)


def figures_of(image: Image.Image) -> dict[str, float]:
    return dict(
        zip(FIGURES, read_photo(file_of(image, "PNG"), photo_input(48, 64)).figures, strict=True)
    )


def test_light_alone_moves_brightness_and_contrast() -> None:
    bright = figures_of(scene())
    dark = figures_of(scene().point(lambda level: level // 2))
    assert dark["brightness"] == pytest.approx(bright["brightness"] / 2, rel=0.02)
    assert dark["contrast"] == pytest.approx(bright["contrast"] / 2, rel=0.02)
    for name in ("megapixels", "aspect", "colourfulness"):
        assert dark[name] == pytest.approx(bright[name], rel=0.03)


def test_figures_say_what_they_are_called_after() -> None:
    plain = figures_of(Image.new("RGB", (1000, 500), (128, 128, 128)))
    assert plain["megapixels"] == 0.5
    assert plain["aspect"] == 2
    assert plain["brightness"] == pytest.approx(128 / 255, abs=1e-3)
    assert plain["contrast"] == plain["colourfulness"] == plain["sharpness"] == 0
    red = figures_of(Image.new("RGB", (64, 48), (255, 0, 0)))
    assert red["colourfulness"] > 0.5
    noise = np.random.default_rng(7).integers(0, 256, (48, 64, 1), np.uint8)
    sharp = Image.fromarray(np.repeat(noise, 3, axis=2))
    assert figures_of(sharp)["sharpness"] > 5 * figures_of(scene())["sharpness"]
    assert figures_of(sharp)["colourfulness"] == pytest.approx(0, abs=1e-6)


def test_a_part_of_the_pixels_tells_what_all_of_them_would() -> None:
    pixels = np.asarray(scene().resize((448, 336)))
    grain = np.random.default_rng(7).integers(-20, 20, pixels.shape)
    pixels = np.clip(pixels + grain, 0, 255).astype(np.uint8)
    figures = dict(zip(FIGURES, photo_figures(pixels, (448, 336)), strict=True))
    luma = pixels @ np.array([0.299, 0.587, 0.114])
    assert figures["brightness"] == pytest.approx(luma.mean() / 255, rel=0.02)
    assert figures["contrast"] == pytest.approx(luma.std() / 255, rel=0.03)
    green = pixels[:, :, 1].astype(float)
    around = green[:-2, 1:-1] + green[2:, 1:-1] + green[1:-1, :-2] + green[1:-1, 2:]
    sharpness = np.abs(around - 4 * green[1:-1, 1:-1]).mean() / green.std()
    assert figures["sharpness"] == pytest.approx(sharpness, rel=0.05)
