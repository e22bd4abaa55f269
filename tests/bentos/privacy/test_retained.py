"""Retained pictures: pixels only, encrypted, bound to their owner and purpose, gone when their time is over."""

import io
import sqlite3
from datetime import timedelta

import numpy as np
import pytest
from PIL import Image

from bentos.privacy.desk import PrivacyDesk
from bentos.privacy.retained import pixels_only
from bentos.runtime.answer import PillMetadata
from bentos.runtime.decode import decode
from bentos.runtime.errors import ContractError
from bentos.settings import Settings
from tests.bentos.pictures import pill_picture, usable
from tests.bentos.privacy.conftest import NOON, SUBJECT
from tests.bentos.privacy.planted import PLANTED, carrying

REQUEST = "0f3c2f0e-6a3c-4a55-9d39-0d2a6f6f9a11"
KINDS = ("JPEG", "PNG", "HEIF")


def kept(desk: PrivacyDesk, data: bytes, *, subject: str | None = SUBJECT, **purposes: float) -> int:
    who = desk.identified(subject, [data], now=NOON)
    typed = PillMetadata(imprint="WATSON;5126")
    return desk.retained.keep([data], typed=typed, request_id=REQUEST, key=who.key, purposes=purposes, now=NOON)


@pytest.mark.parametrize("kind", KINDS)
def test_place_owner_profile_and_comment_do_not_survive(kind: str) -> None:
    planted = carrying(pill_picture(), kind)
    assert PLANTED in planted or kind == "HEIF"
    assert Image.open(io.BytesIO(planted)).getexif().get_ifd(0x8825)
    clean = pixels_only(planted)
    opened = Image.open(io.BytesIO(clean))
    assert (opened.format, dict(opened.getexif()), opened.info) == ("PNG", {}, {})
    assert not [word for word in PLANTED.split() if len(word) > 5 and word in clean]
    assert {chunk for chunk in (b"eXIf", b"iCCP", b"tEXt", b"iTXt", b"zTXt", b"tIME") if chunk in clean} == set()


@pytest.mark.parametrize("name", sorted(usable()))
def test_what_is_kept_decodes_to_the_same_pixels(name: str) -> None:
    first, again = decode(usable()[name]), decode(pixels_only(usable()[name]))
    assert np.array_equal(first.rgb_HWC, again.rgb_HWC)
    assert (first.alpha_HW is None) == (again.alpha_HW is None)


def test_by_default_nothing_is_kept(desk: PrivacyDesk, settings: Settings) -> None:
    assert settings.retain_pictures == {}
    assert kept(desk, carrying(pill_picture(), "JPEG"), subject=None) == 0
    assert not (settings.home / "privacy.db").exists()


@pytest.mark.parametrize("subject", [SUBJECT, None])
def test_a_picture_is_kept_encrypted_and_opens_again(
    desk: PrivacyDesk, settings: Settings, subject: str | None
) -> None:
    data = carrying(pill_picture(), "JPEG")
    assert kept(desk, data, subject=subject, replay=30) == 2
    stored = b"".join(path.read_bytes() for path in settings.home.glob("privacy.db*"))
    clean = pixels_only(data)
    assert not [found for found in (clean[:64], b"IHDR", b"WATSON", PLANTED, SUBJECT.encode()) if found in stored]
    parts = {one.part: one.data for one in desk.retained.of_request(REQUEST)}
    assert parts == {"picture-0.png": clean, "typed": b'{"imprint":"WATSON;5126","heat_map":false}'}


def test_what_is_kept_for_one_purpose_does_not_open_as_another(desk: PrivacyDesk, settings: Settings) -> None:
    kept(desk, carrying(pill_picture(), "JPEG"), replay=30)
    with sqlite3.connect(settings.home / "privacy.db") as connection:
        connection.execute("UPDATE retained SET purpose = 'training'")
    with pytest.raises(ContractError):
        desk.retained.of_request(REQUEST)


def test_each_purpose_ends_at_its_own_time(desk: PrivacyDesk, settings: Settings) -> None:
    kept(desk, carrying(pill_picture(), "JPEG"), replay=1, quality=30)
    assert desk.retained.expire(now=NOON + timedelta(hours=23)) == {}
    assert desk.retained.expire(now=NOON + timedelta(days=2)) == {"replay": 2}
    assert {one.purpose for one in desk.retained.of_request(REQUEST)} == {"quality"}


def test_nothing_is_kept_of_a_subject_that_was_erased_meanwhile(desk: PrivacyDesk) -> None:
    data = carrying(pill_picture(), "JPEG")
    who = desk.identified(SUBJECT, [data], now=NOON)
    desk.keys.destroy(who.key.owner)
    arguments = {"typed": None, "request_id": REQUEST, "key": who.key, "purposes": {"replay": 1.0}, "now": NOON}
    assert desk.retained.keep([data], **arguments) == 0
    assert desk.retained.of_request(REQUEST) == []
