"""Images and masks of every mode, damaged files, and what does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps

from facedissect.dictionary.files import FileSource, image_size, read_image, read_mask
from facedissect.errors import FaceReadError

INK = np.zeros((6, 8), bool)
INK[1:4, 2:7] = True


def noise(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def inverted_palette(ink: np.ndarray) -> Image.Image:
    """Index 0 is white: the colour counts, not the index."""
    image = Image.fromarray((~ink).astype(np.uint8)).convert("L")
    image.putpalette([255, 255, 255, 0, 0, 0])
    return image


def rgba(ink: np.ndarray, *, paper: tuple[int, int, int, int]) -> Image.Image:
    return Image.fromarray(np.where(ink[..., None], (255, 255, 255, 255), paper).astype(np.uint8))


MASKS = {
    "1": Image.fromarray(INK),
    "L": Image.fromarray(INK.astype(np.uint8) * 255),
    "L faint": Image.fromarray(INK.astype(np.uint8)),
    "RGB": Image.fromarray(INK.astype(np.uint8) * 255).convert("RGB"),
    "RGB blue only": Image.fromarray(np.stack([0 * INK, 0 * INK, INK * 1], axis=-1).astype(np.uint8)),
    "P": Image.fromarray(INK.astype(np.uint8) * 255).convert("P"),
    "P inverted": inverted_palette(INK),
    "I;16": Image.fromarray(INK.astype(np.uint16)),
    "I;16 high": Image.fromarray(INK.astype(np.uint16) * 256),
    "RGBA opaque black paper": rgba(INK, paper=(0, 0, 0, 255)),
    "RGBA clear black paper": rgba(INK, paper=(0, 0, 0, 0)),
    "RGBA clear white paper": rgba(INK, paper=(255, 255, 255, 0)),
    "LA": rgba(INK, paper=(0, 0, 0, 255)).convert("LA"),
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_a_mask_of_any_mode_is_its_ink(tmp_path: Path, mask: Image.Image) -> None:
    mask.save(tmp_path / "mask.png")
    read = read_mask(tmp_path / "mask.png")
    assert read.dtype == bool
    np.testing.assert_array_equal(read, INK)


@pytest.mark.parametrize(
    ("mode", "suffix"), [("I", "tif"), ("F", "tif"), ("I;16B", "tif"), ("1", "bmp"), ("L", "webp")]
)
def test_a_mask_of_another_file_type(tmp_path: Path, mode: str, suffix: str) -> None:
    pixels = {"I": INK.astype(np.int32) * 70_000, "F": INK.astype(np.float32) / 2, "I;16B": INK.astype(">u2")}
    image = (
        Image.fromarray(pixels[mode]) if mode in pixels else Image.fromarray(INK.astype(np.uint8) * 255).convert(mode)
    )
    image.save(tmp_path / f"mask.{suffix}", **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(read_mask(tmp_path / f"mask.{suffix}"), INK)


@given(pixels=hnp.arrays(np.uint8, (5, 4, 4), elements=st.sampled_from([0, 1, 128, 255])))
def test_ink_is_colour_that_is_not_clear(tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray) -> None:
    path = tmp_path_factory.getbasetemp() / "ink.png"
    Image.fromarray(pixels).save(path)
    expected = [[any(pixel[:3]) and pixel[3] > 0 for pixel in row] for row in pixels.tolist()]
    np.testing.assert_array_equal(read_mask(path), expected)


def test_the_masks_of_the_fixture_are_its_non_zero_pixels(shared: Path) -> None:
    paths = sorted((shared / "reference/fixture/dictionary/parts").glob("*/[!o]*.png"))
    modes = set()
    for path in paths:
        with Image.open(path) as image:
            modes.add(image.mode)
            pixels = np.asarray(image)
        np.testing.assert_array_equal(read_mask(path), pixels.any(axis=-1) if pixels.ndim == 3 else pixels != 0)
    assert {"L", "RGB", "1"} == modes


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA"])
def test_an_image_of_any_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    image = noise(mode)
    image.save(tmp_path / "image.png")
    read = read_image(tmp_path / "image.png")
    assert read.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(read), np.asarray(image.convert("RGB")))


def test_a_palette_with_transparency_is_read_without_a_warning(tmp_path: Path) -> None:
    image = noise("P")
    image.save(tmp_path / "image.png", transparency=bytes(range(200)))
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "image.png")), np.asarray(image.convert("RGB")))


def test_a_cmyk_image_keeps_its_colours(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "red.jpg")
    red, green, blue = read_image(tmp_path / "red.jpg").getpixel((4, 4))
    assert red > 250
    assert max(green, blue) < 5


def test_sixteen_bit_grey_is_scaled(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 0x7FFF, 0xFFFF]], np.uint16)).save(tmp_path / "grey.png")
    assert np.asarray(read_image(tmp_path / "grey.png"))[0, :, 0].tolist() == [0, 127, 255]


def test_floating_point_images_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    Image.fromarray(np.ones((2, 2), np.float32)).save(path)
    with pytest.raises(
        FaceReadError, match=r"image.tif: its pixels are floating-point numbers, not 8 or 16 bits a channel"
    ):
        read_image(path)


def test_a_link_to_itself_is_named(tmp_path: Path) -> None:
    (tmp_path / "image.png").symlink_to(tmp_path / "image.png")
    source = FileSource(root=tmp_path.resolve(), image_path="image.png")
    with pytest.raises(FaceReadError, match=r"image.png: too many levels of symbolic links"):
        source.image()
    assert source.fingerprint()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_an_image_is_turned_as_its_exif_says(tmp_path: Path, orientation: int, suffix: str) -> None:
    path = tmp_path / f"image.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    noise().save(path, exif=exif)
    with Image.open(path) as image:
        expected = ImageOps.exif_transpose(image).convert("RGB")
    assert image_size(path) == expected.size == ((30, 40) if orientation >= 5 else (40, 30))
    np.testing.assert_array_equal(np.asarray(read_image(path)), np.asarray(expected))


@pytest.mark.parametrize("kept", [0, 7, 30, 0.3, 0.9, -12, -5])
def test_a_png_cut_short_anywhere_is_refused(tmp_path: Path, kept: float) -> None:
    noise().save(tmp_path / "image.png")
    data = (tmp_path / "image.png").read_bytes()
    (tmp_path / "image.png").write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    for read in (read_image, read_mask):
        with pytest.raises(
            FaceReadError, match=r"expected an? (image|mask) that can be read, got .*image.png: .+; restore the file"
        ):
            read(tmp_path / "image.png")


def test_a_jpeg_cut_short_is_refused(tmp_path: Path) -> None:
    noise(size=(200, 200)).save(tmp_path / "image.jpg")
    data = (tmp_path / "image.jpg").read_bytes()
    (tmp_path / "image.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(FaceReadError, match=r"image.jpg: image file is truncated"):
        read_image(tmp_path / "image.jpg")


def test_a_flipped_bit_of_a_png_is_found(tmp_path: Path) -> None:
    noise().save(tmp_path / "image.png")
    data = bytearray((tmp_path / "image.png").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "image.png").write_bytes(data)
    with pytest.raises(FaceReadError, match="broken PNG file"):
        read_image(tmp_path / "image.png")


def test_files_that_are_no_images_are_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    for path, reason in {
        tmp_path / "text.png": "not an image file",
        tmp_path / "gone.png": "the file does not exist",
        tmp_path / "text.png" / "below.png": "the file does not exist",
        tmp_path: "is a directory",
    }.items():
        with pytest.raises(FaceReadError, match=f"{path}: {reason}"):
            read_image(path)
        with pytest.raises(FaceReadError):
            image_size(path)


def test_a_mask_of_another_size_is_refused_with_both_sizes(tmp_path: Path) -> None:
    noise().save(tmp_path / "image.png")
    Image.new("L", (30, 40)).save(tmp_path / "nose.png")
    source = FileSource(root=tmp_path.resolve(), image_path="image.png", mask_paths={"nose": "nose.png"})
    with pytest.raises(
        FaceReadError, match=r"expected a mask of 40x30, the size of its image image.png, got 30x40 in .*nose.png"
    ):
        source.mask("nose")


def test_a_mask_is_compared_with_the_upright_image(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    noise().save(tmp_path / "image.jpg", exif=exif)
    Image.new("L", (30, 40), 1).save(tmp_path / "nose.png")
    source = FileSource(root=tmp_path.resolve(), image_path="image.jpg", mask_paths={"nose": "nose.png"})
    assert source.mask("nose").shape == (40, 30)
    assert source.image().size == (30, 40)


def test_the_fingerprint_follows_the_bytes_of_all_files(tmp_path: Path) -> None:
    source = FileSource(root=tmp_path.resolve(), image_path="image.png", mask_paths={"nose": "nose.png"})
    seen = [source.fingerprint()]
    noise().save(tmp_path / "image.png")
    seen.append(source.fingerprint())
    Image.new("L", (40, 30)).save(tmp_path / "nose.png")
    seen.append(source.fingerprint())
    Image.new("L", (40, 30), 1).save(tmp_path / "nose.png")
    seen.append(source.fingerprint())
    assert len(set(seen)) == 4
    (tmp_path / "nose.png").touch()
    assert source.fingerprint() == seen[-1]
