"""CelebAMask-HQ, written exactly as it is handed out: one PNG a part, at half the size of the image."""

from __future__ import annotations

import pickle
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary import celebamask
from facedissect.errors import DictionaryError, FaceReadError

_PARTS = "skin l_brow r_brow l_eye r_eye eye_g l_ear r_ear ear_r nose mouth u_lip l_lip neck neck_l cloth hair hat"
PARTS = _PARTS.split()
_ATTRIBUTES = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair Blurry "
    "Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male "
    "Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks "
    "Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace "
    "Wearing_Necktie Young"
)
ATTRIBUTES = _ATTRIBUTES.split()
SIDE = 8
NUMBERS = (0, 1, 2, 1999, 2000, 29999)
ATTRIBUTE_FILE = "CelebAMask-HQ-attribute-anno.txt"
MAPPING_FILE = "CelebA-HQ-to-CelebA-mapping.txt"


def mask_of(number: int, part: str) -> np.ndarray:
    """A mask unlike all others: a square of the part in a corner of the number, with a single pixel apart."""
    mask = np.zeros((SIDE, SIDE), bool)
    place = PARTS.index(part)
    mask[place % 5 : place % 5 + 2, place // 5 : place // 5 + 3] = True
    mask[7, number % SIDE] = True
    return mask


def mask_path(root: Path, number: int, part: str) -> Path:
    return root / f"CelebAMask-HQ-mask-anno/{number // 2000}/{number:05}_{part}.png"


def save_mask(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * 255).convert("RGB").save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six faces; the first has all parts, each other lacks every part whose place its number divides by."""
    (tmp_path / "CelebA-HQ-img").mkdir()
    rows, mapping = [], []
    for place, number in enumerate(NUMBERS):
        Image.new("RGB", (2 * SIDE, 2 * SIDE), (place, 9, 9)).save(tmp_path / f"CelebA-HQ-img/{number}.jpg")
        for at, part in enumerate(PARTS):
            if place == 0 or at % (place + 1):
                save_mask(mask_path(tmp_path, number, part), mask_of(number, part))
        flags = ["1" if (place + at) % 3 else "-1" for at in range(40)]
        rows.append(f"{number}.jpg  {' '.join(flags)}")
        mapping.append(f"{number:<11}{[0, 162769, 162770, 182636, 182637, 202598][place]:<11}")
        mapping[-1] += f"{[1, 162770, 162771, 182637, 182638, 202599][place]:06}.jpg"
    (tmp_path / ATTRIBUTE_FILE).write_text("\n".join([str(len(rows)), " ".join(ATTRIBUTES) + " ", *rows]) + "\n")
    (tmp_path / MAPPING_FILE).write_text("\n".join(["idx        orig_idx   orig_file", *mapping]) + "\n")
    return tmp_path


def test_faces_come_by_number_and_their_counts_are_those_of_the_files(root: Path) -> None:
    dictionary = celebamask.read(str(root))
    assert [face.id for face in dictionary] == [f"CelebA-HQ-img/{number}.jpg" for number in NUMBERS]
    files = Counter(path.stem[6:] for path in root.glob("CelebAMask-HQ-mask-anno/*/*.png"))
    alone = {
        "left_eye": "r_eye", "right_eye": "l_eye", "left_brow": "r_brow", "right_brow": "l_brow", "left_ear": "r_ear",
        "right_ear": "l_ear", "Eyeglasses": "eye_g", "Wearing_Earrings": "ear_r", "Wearing_Necklace": "neck_l",
        "Wearing_Hat": "hat", "hair": "hair", "nose": "nose", "skin": "skin", "neck": "neck", "clothing": "cloth",
        "upper_lip": "u_lip", "lower_lip": "l_lip", "inner_mouth": "mouth",
    }  # fmt: skip
    assert {name: len(dictionary.faces_with(name)) for name in alone} == {name: files[alone[name]] for name in alone}
    mouths = {path.name[:5] for part in ("mouth", "u_lip", "l_lip") for path in root.rglob(f"*_{part}.png")}
    assert len(dictionary.faces_with("mouth")) == len(mouths)
    assert set(dictionary.vocabulary.names) == {*alone, "mouth"}


def test_a_mask_is_enlarged_pixel_by_pixel(root: Path) -> None:
    for face in celebamask.read(str(root)):
        assert face.image().size == (2 * SIDE, 2 * SIDE)
        for concept, parts in celebamask.FILES.items():
            if concept not in face.concepts:
                continue
            stored = [mask_of(face.source.number, part) for part in parts if part in face.source.parts]
            whole = np.any(stored, axis=0)
            mask = face.mask(concept)
            assert mask.dtype == bool
            for dy in (0, 1):
                for dx in (0, 1):  # every pixel of the file is a square of four, so that no edge moves
                    np.testing.assert_array_equal(mask[dy::2, dx::2], whole)


def test_the_official_sizes(tmp_path: Path) -> None:
    (tmp_path / "CelebA-HQ-img").mkdir()
    Image.new("RGB", (1024, 1024)).save(tmp_path / "CelebA-HQ-img/5.jpg")
    mask = np.zeros((512, 512), bool)
    mask[100:150, 200:300] = True
    save_mask(mask_path(tmp_path, 5, "nose"), mask)
    (face,) = celebamask.read(str(tmp_path))
    rows, columns = np.nonzero(face.mask("nose"))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (200, 299, 400, 599)
    assert len(rows) == 4 * mask.sum()


def test_sides_are_the_persons_own(root: Path) -> None:
    face = celebamask.read(str(root)).faces[0]
    np.testing.assert_array_equal(face.mask("right_eye")[::2, ::2], mask_of(0, "l_eye"))
    np.testing.assert_array_equal(face.mask("left_eye")[::2, ::2], mask_of(0, "r_eye"))


def test_published_concepts_are_the_published_ones_and_a_missing_part_is_absent(root: Path) -> None:
    dictionary = celebamask.read(str(root))
    for name in ("left_eye", "right_brow", "nose", "mouth", "Eyeglasses"):
        assert dictionary.vocabulary[name] == FACE_DICTIONARY[name]
    states = {face.state(dictionary.vocabulary["Eyeglasses"]) for face in dictionary}
    assert states == {"present", "absent"}


def test_attributes_gender_and_split(root: Path) -> None:
    dictionary = celebamask.read(str(root))
    lines = (root / ATTRIBUTE_FILE).read_text().splitlines()[2:]
    for face, line in zip(dictionary, lines, strict=True):
        flags = dict(zip(ATTRIBUTES, line.split()[1:], strict=True))
        assert {name: face.labels[name] for name in ATTRIBUTES} == {name: flag == "1" for name, flag in flags.items()}
        assert face.subgroups == {"gender": "Male" if flags["Male"] == "1" else "Female"}
    assert [concept.name for concept in dictionary.vocabulary.global_concepts] == ["gender"]
    assert [face.split for face in dictionary] == ["train", "train", "val", "val", "test", "test"]
    assert dictionary.faces[1].labels["celeba_image"] == "162770.jpg"


def test_without_the_lists_there_are_masks_all_the_same(root: Path) -> None:
    (root / ATTRIBUTE_FILE).unlink()
    (root / MAPPING_FILE).unlink()
    dictionary = celebamask.read(str(root))
    assert len(dictionary) == len(NUMBERS)
    assert dictionary.vocabulary.global_concepts == ()
    assert all(not face.labels and not face.subgroups and face.split is None for face in dictionary)


def test_nothing_is_opened_before_it_is_asked_for_and_sources_travel(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Image, "open", lambda *_: pytest.fail("an image was opened"))
        dictionary = celebamask.read(str(root))
        before = dictionary.digest
    source = pickle.loads(pickle.dumps(dictionary.faces[0].source))  # noqa: S301
    assert source == dictionary.faces[0].source
    assert source.fingerprint() == dictionary.faces[0].source.fingerprint()
    save_mask(mask_path(root, 0, "nose"), np.ones((SIDE, SIDE), bool))
    assert celebamask.read(str(root)).digest != before


def test_an_image_without_any_mask_was_not_annotated(root: Path) -> None:
    Image.new("RGB", (16, 16)).save(root / "CelebA-HQ-img/7.jpg")
    face = celebamask.read(str(root))["CelebA-HQ-img/7.jpg"]
    assert (face.concepts, face.kinds) == ((), frozenset())
    assert celebamask.recognises(root)


def test_masks_without_their_image(root: Path) -> None:
    (root / "CelebA-HQ-img/1.jpg").unlink()
    with pytest.raises(
        DictionaryError, match=r"expected the image CelebA-HQ-img/1.jpg, got masks of it only; .*skip'$"
    ):
        celebamask.read(str(root))
    assert len(celebamask.read(str(root), missing="skip")) == len(NUMBERS) - 1


def write_bad_part(root: Path) -> None:
    save_mask(mask_path(root, 3, "chin"), np.ones((SIDE, SIDE), bool))


def write_in_wrong_folder(root: Path) -> None:
    save_mask(root / "CelebAMask-HQ-mask-anno/1/00003_nose.png", np.ones((SIDE, SIDE), bool))


def replace_in(name: str, old: str, new: str) -> object:
    def change(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new, 1))

    return change


BAD = {
    "part": (write_bad_part, r"expected masks called NNNNN_PART.png .*, got CelebAMask-HQ-mask-anno/0/00003_chin.png"),
    "folder": (write_in_wrong_folder, r"NNNNN // 2000, .*got CelebAMask-HQ-mask-anno/1/00003_nose.png; move it away"),
    "value": (
        replace_in(ATTRIBUTE_FILE, "1.jpg  1 1", "1.jpg  1 0"),
        r"CelebAMask-HQ-attribute-anno.txt:4: expected 1 or -1 for every attribute of 1.jpg, got Arched_Eyebrows = 0",
    ),
    "short": (
        replace_in(ATTRIBUTE_FILE, "1.jpg  1 1", "1.jpg  1"),
        r"CelebAMask-HQ-attribute-anno.txt:4: expected .*1.jpg.*, got 39; restore the row",
    ),
    "count": (replace_in(ATTRIBUTE_FILE, "6\n", "7\n"), "anno.txt:1: expected 7 rows, as this line says, got 6"),
    "name": (
        replace_in(ATTRIBUTE_FILE, "2.jpg", "two.jpg"),
        r"anno.txt:5: expected an image N.jpg, got two.jpg; restore the row",
    ),
    "twice": (replace_in(ATTRIBUTE_FILE, "2.jpg", "1.jpg"), r"anno.txt:5: expected 1.jpg once in .*anno.txt"),
    "mapping": (
        replace_in(MAPPING_FILE, "162770.jpg", "162770.png"),
        r"CelebA-HQ-to-CelebA-mapping.txt:3: expected the number of an image, once, .*162770.png'; restore it",
    ),
    "mapping number": (replace_in(MAPPING_FILE, "202599.jpg", "202600.jpg"), "mapping.txt:7: expected the number of"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_a_malformed_file_is_refused_with_its_place(root: Path, change: object, message: str) -> None:
    assert callable(change)
    change(root)
    with pytest.raises(DictionaryError, match=message) as caught:
        celebamask.read(str(root))
    assert "\n" not in str(caught.value)


def test_images_of_another_size_are_refused_when_a_mask_is_read(root: Path) -> None:
    Image.new("RGB", (12, 12)).save(root / "CelebA-HQ-img/0.jpg")
    face = celebamask.read(str(root)).faces[0]
    message = (
        "expected an image of 8x8 or a whole multiple, the size of its mask CelebAMask-HQ-mask-anno/0/00000_nose.png"
    )
    with pytest.raises(FaceReadError, match=rf"{re.escape(message)}, got 12x12 in CelebA-HQ-img/0.jpg"):
        face.mask("nose")
    Image.new("RGB", (4, 4)).save(root / "CelebA-HQ-img/0.jpg")
    with pytest.raises(FaceReadError, match="got 4x4"):
        celebamask.read(str(root)).faces[0].mask("nose")


def test_a_folder_of_another_format(tmp_path: Path) -> None:
    (tmp_path / "CelebA-HQ-img").mkdir()
    assert not celebamask.recognises(tmp_path)
    with pytest.raises(DictionaryError, match=r"expected the folders CelebA-HQ-img and CelebAMask-HQ-mask-anno in .*"):
        celebamask.read(str(tmp_path))
    (tmp_path / "CelebAMask-HQ-mask-anno").mkdir()
    with pytest.raises(DictionaryError, match=r"expected images CelebA-HQ-img/N.jpg in .*, got none"):
        celebamask.read(str(tmp_path))
