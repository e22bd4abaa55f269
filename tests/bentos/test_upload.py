"""Reading the multipart request: limits hold while the body streams in, and every fault has its code."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import AsyncClient
from httpx import Request as Draft
from starlette.requests import Request

from bentos.faults import ServiceFault
from bentos.runtime.errors import InputError
from bentos.upload import Upload, parse_metadata, read_upload

LIMIT = 4 * 2**20


def received(draft: Draft, *, chunk: int = 1000) -> Request:
    """The request as the server sees it, its body in pieces."""
    body = draft.read()
    pieces = [body[i : i + chunk] for i in range(0, len(body), chunk)] or [b""]

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    headers = [(name.lower(), value) for name, value in draft.headers.raw]
    return Request({"type": "http", "method": "POST", "headers": headers, "path": "/"}, receive)


def a_draft(**overrides: Any) -> Draft:
    return AsyncClient().build_request("POST", "http://service/", **{"files": {"image": b"picture"}} | overrides)


def read(draft: Draft) -> Upload:
    return asyncio.run(read_upload(received(draft), max_body_bytes=LIMIT))


def test_both_pictures_and_the_metadata_are_read() -> None:
    files = {"image": b"front" * 1000, "image_back": b"back" * 1000}
    upload = read(a_draft(files=files, data={"metadata": json.dumps({"imprint": "44;198", "size_mm": 9.5})}))
    assert upload.pictures == (b"front" * 1000, b"back" * 1000)
    assert upload.metadata is not None
    assert upload.metadata.imprint == "44;198"


def test_metadata_may_be_a_json_part() -> None:
    files = {"image": b"front", "metadata": ("m.json", b'{"color": "white"}', "application/json")}
    assert read(a_draft(files=files)).metadata.color == "white"


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_blank_metadata_is_no_metadata(blank: str) -> None:
    assert read(a_draft(data={"metadata": blank})).metadata is None


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (a_draft(files=None, json={"image": "x"}), "not_multipart"),
        (a_draft(files=None, content=b""), "not_multipart"),
        (a_draft(files={"image_back": b"x"}), "missing_image"),
        (a_draft(files={"metadata": (None, "{}")}), "missing_image"),
        (a_draft(files={"image": (None, "http://127.0.0.1/pill.jpg")}), "missing_image"),
        (a_draft(files={"image": b"x", "picture": b"y"}), "unexpected_field"),
        (a_draft(files=[("image", b"x"), ("image", b"y")]), "unexpected_field"),
        (a_draft(files=[("image", b"x")] * 9), "malformed_multipart"),
        (a_draft(data={"metadata": "x" * 100_000}), "malformed_multipart"),
        (a_draft(files=None, content=b"x", headers={"Content-Type": "multipart/form-data"}), "malformed_multipart"),
        (
            a_draft(files=None, content=b"no boundary", headers={"Content-Type": "multipart/form-data; boundary=b"}),
            "malformed_multipart",
        ),
        (a_draft(files={"image": b"x" * 5 * 2**20}), "body_too_large"),
    ],
)
def test_a_request_that_cannot_be_read_says_why(draft: Draft, code: str) -> None:
    with pytest.raises(ServiceFault) as caught:
        read(draft)
    assert caught.value.code == code


def test_a_body_that_announces_nothing_is_cut_off_at_the_limit() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        while True:
            sent += 2**16
            yield bytes(2**16)

    async def run() -> None:
        pieces = endless()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": await anext(pieces), "more_body": True}

        headers = [(b"content-type", b"multipart/form-data; boundary=b")]
        request = Request({"type": "http", "method": "POST", "headers": headers, "path": "/"}, receive)
        await read_upload(request, max_body_bytes=LIMIT)

    with pytest.raises(ServiceFault) as caught:
        asyncio.run(run())
    assert caught.value.code == "body_too_large"
    assert sent <= LIMIT + 2**16


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("not json", "JSON"),
        ("[]", "object"),
        ('{"imprint": 7}', "imprint"),
        ('{"size_mm": -1}', "size_mm"),
        ('{"size_mm": NaN}', "size_mm"),
        ('{"size_mm": 1e999}', "size_mm"),
        ('{"patient": "Ann"}', "not known"),
        ('{"imprint": "' + "x" * 500 + '"}', "imprint"),
        ("[" * 60_000, "JSON"),
        (b"\xff\xfe", "JSON"),
    ],
)
def test_metadata_that_cannot_be_used_is_explained(text: str | bytes, named: str) -> None:
    with pytest.raises(InputError, match=named) as caught:
        parse_metadata(text)
    assert caught.value.code == "bad_metadata"
    assert not [word for word in ("patient", "Ann") if word in caught.value.sentence]
