"""Personal data in every place of a request where a caller can put text, and the search for what is left of it."""

import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import grpc
import httpx

from bentos.proto.rxvision.v1 import medication_identification_pb2 as pb
from bentos.proto.rxvision.v1.medication_identification_pb2_grpc import MedicationIdentificationStub
from tests.bentos.archives import zipped
from tests.bentos.pictures import pill_picture
from tests.bentos.privacy.planted import carrying
from tests.bentos.rest_client import BACK, FRONT

NAME: Final = "Zebedee Quackenbush"
PHONE: Final = "415-555-2671"
EMAIL: Final = "z.quackenbush@clinic.example"
RECORD: Final = "MRN 8841-7723"
PLACE: Final = "48.137154, 11.576124"
TEXT: Final = f"{NAME} {PHONE} {EMAIL} {RECORD} {PLACE}"
FIELD: Final = "quackenbush_415-555-2671"
WORDS: Final = ("quackenbush", "zebedee", PHONE, "4155552671", "8841-7723", "48.137154", "Ann Q. Miller")
_TYPED: Final = (
    {"imprint": TEXT},
    {"imprint": NAME, "color": EMAIL, "shape": PHONE},
    {FIELD: 1},
    {"imprint": {FIELD: NAME}},
    {"imprint": [NAME]},
    {"size_mm": NAME},
    {"imprint": "A2", "heat_map": NAME},
)
_BROKEN: Final = (f'{{"imprint": "{NAME}', f"{NAME}", f'{{"imprint": {NAME}}}', f'["{NAME}"]', '{"imprint": "\ud800"}')


def pictures() -> list[bytes]:
    """The three formats with place, owner and comment."""
    return [carrying(pill_picture(), kind) for kind in ("JPEG", "PNG", "HEIF")]


def headers() -> dict[str, str]:
    """Everything that a head can carry."""
    return {
        "X-Subject-Ref": f"{RECORD} {NAME}",
        "X-Session-Key": EMAIL,
        "X-Request-ID": NAME,
        "X-API-Key": PHONE,
        "User-Agent": TEXT,
        "Referer": f"https://clinic.example/{quote(NAME)}",
        "Cookie": f"patient={quote(TEXT)}",
        "Traceparent": NAME,
        f"X-{FIELD}": NAME,
        "Accept-Language": EMAIL,
    }


def over_rest(client: httpx.Client) -> Iterator[httpx.Response]:
    """Answers and refusals of requests that carry personal data; results of jobs, which are the caller's, left out."""
    own = {"headers": headers(), "params": {"patient": TEXT, FIELD: "1"}}
    files = {"image": (f"{NAME}.jpg", FRONT)}
    for typed in (*map(json.dumps, _TYPED), *_BROKEN):
        yield client.post("/api/v1/predict", files=files, data={"metadata": typed.encode("utf-8", "replace")}, **own)
        array = f"[{typed}]".encode("utf-8", "replace")
        yield client.post("/api/v1/predict/batch", files=files, data={"metadata": array, "backs": "[]"}, **own)
    for data in (*pictures(), TEXT.encode(), FRONT[:500] + TEXT.encode()):
        yield client.post("/api/v1/predict", files={"image": (TEXT, data), "image_back": (NAME, BACK)}, **own)
        yield client.post("/api/v1/predict", files={"image": (TEXT, data)}, headers={"X-Subject-Ref": RECORD})
    yield client.post("/api/v1/predict", files={**files, FIELD: (NAME, b"x")}, data={NAME: TEXT}, **own)
    yield client.post("/api/v1/predict", content=TEXT.encode(), headers={"Content-Type": f"multipart/{FIELD}"})
    boundary = {"Content-Type": f"multipart/form-data; boundary={FIELD}"}
    for body in (f"--{FIELD}\r\n{TEXT}\r\n", f"--x\r\n{TEXT}", f"--{FIELD}\r\nContent-Disposition: {TEXT}\r\n\r\nx"):
        yield client.post("/api/v1/predict", content=body.encode(), headers=boundary)
    yield client.post("/api/v1/predict", files=files, headers={"X-Subject-Ref": NAME * 20})
    yield from _about_medications(client)
    yield from _feedback(client)


def _about_medications(client: httpx.Client) -> Iterator[httpx.Response]:
    yield client.get("/api/v1/medications", params={"name": NAME, "imprint": TEXT}, headers=headers())
    yield client.get("/api/v1/medications", params={FIELD: NAME})
    yield client.get("/api/v1/medications", params={"limit": NAME, "offset": PHONE})
    api = ("medications/{}", "medications/{}/pictures/{}", "batches/{}", "batches/{}/results", "{}")
    for path in (f"/{TEXT}", *(f"/api/v1/{one}".replace("{}", NAME) for one in api)):
        yield client.get(quote(path), params={"q": TEXT})
        yield client.request("QUACKENBUSH", quote(path))


def _feedback(client: httpx.Client) -> Iterator[httpx.Response]:
    known = {"request_id": "0f3c2f0e-6a3c-4a55-9d39-0d2a6f6f9a11", "known_from": "package"}
    said = (
        {**known, "medication_id": NAME[:32]},
        {**known, "not_in_catalogue": True, "notes": [TEXT]},
        {**known, "not_in_catalogue": True, FIELD: TEXT},
        {**known, "request_id": NAME, "not_in_catalogue": True},
        {**known, "known_from": NAME},
    )
    for one in said:
        yield client.post("/api/v1/feedback", json=one, headers=headers())
    yield client.post("/api/v1/feedback", content=f'{{"{FIELD}'.encode(), headers={"Content-Type": "application/json"})
    answer = client.post("/api/v1/predict", files={"image": FRONT}, headers={"X-Subject-Ref": RECORD}).json()
    about = {"request_id": answer["request_id"], "not_in_catalogue": True, "known_from": "person"}
    yield client.post("/api/v1/feedback", json=about, headers=headers())


def jobs(client: httpx.Client) -> Iterator[httpx.Response]:
    """Large jobs: the first two are accepted."""
    name, manifest = f"{NAME}_{RECORD}.jpg", f"image,imprint\n{NAME}_{RECORD}.jpg,{TEXT.replace(',', ' ')}\n"
    sent = {"Content-Type": "application/zip", **headers()}
    for files in ({name: FRONT, "manifest.csv": manifest.encode()}, {f"{EMAIL}/{PHONE}.png": pictures()[1]},
                  {name: FRONT, "manifest.csv": f"image,{FIELD}\n{name},{NAME}\n".encode()}):  # fmt: skip
        yield client.post("/api/v1/batches", content=zipped(files), headers=sent)
    yield client.post("/api/v1/batches", content=b"PK" + TEXT.encode(), headers=sent)
    for place in ({"source": f"/{NAME}"}, {"source": f"s3://{EMAIL}"}, {FIELD: NAME}, {"source": [TEXT]}):
        yield client.post("/api/v1/batches", json=place, headers=headers())


def over_sockets(port: int) -> Iterator[bytes]:
    """Requests that are no HTTP."""
    heads = (
        f"GET /{NAME} HTTP/1.1\r\n{TEXT}\r\n\r\n",
        f"{TEXT}\r\n\r\n",
        f"GET /x HTTP/9.9\r\nHost: {NAME}\r\n\r\n",
        f"POST / HTTP/1.1\r\nContent-Length: {NAME}\r\n\r\n",
        f"GET / HTTP/1.1\r\n{FIELD}: " + TEXT * 2000,
    )
    for head in heads:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(head.encode())
            connection.shutdown(socket.SHUT_WR)
            yield b"".join(iter(lambda connection=connection: _received(connection), b""))


def over_grpc(port: int) -> Iterator[str]:
    """What calls that carry personal data are answered, errors with their details and trailing metadata."""
    sent = {"x-subject-ref": TEXT, "x-session-key": EMAIL, "x-request-id": NAME, "user-agent": NAME, FIELD: NAME}
    metadata = [*sent.items(), ("authorization", f"Bearer {NAME}"), ("note-bin", TEXT.encode())]
    made = pb.PredictMedicationRequest(image_data=FRONT, subject_ref=TEXT, session_key=EMAIL,
                                       metadata=pb.PillMetadata(imprint=TEXT, color=NAME))  # fmt: skip
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = MedicationIdentificationStub(channel)
        for data in (*pictures(), TEXT.encode()):
            asked = pb.PredictMedicationRequest(image_data=data, image_format=NAME if data[:1] == b"Z" else "")
            yield _outcome(lambda asked=asked: stub.PredictMedication(asked, metadata=metadata, timeout=30))
        asked = pb.PredictMedicationRequest(image_data=FRONT, image_format=TEXT)
        yield _outcome(lambda: stub.PredictMedication(asked, timeout=30))
        yield _outcome(lambda: stub.PredictMedication(made, metadata=metadata, timeout=30))
        yield _outcome(lambda: stub.PredictBatch(pb.PredictBatchRequest(items=[made, asked]), timeout=30))
        items = [pb.PredictStreamRequest(item_id="1", item=made), pb.PredictStreamRequest(item_id="2", item=asked)]
        yield _outcome(lambda: list(stub.PredictStream(iter(items), metadata=metadata, timeout=30)))
        predict = "/rxvision.v1.MedicationIdentification/PredictMedication"
        raw = {f"/{FIELD}/x": b"", predict: b"\x0a\xff\xff" + TEXT.encode(), f"{predict}/{FIELD}": b"\x32\x04\xff\xfe"}
        for method, body in raw.items():
            yield _outcome(lambda method=method, body=body: channel.unary_unary(method)(body, metadata=metadata))


def left_in(root: Path) -> list[str]:
    """Which words are in which files below a directory, as they are, in UTF-16, in hex or in base64.

    SQLite takes a write-ahead log away when it has moved it into the database; a search that meets one on its way
    out starts again, as what was in it may be in a file already searched.
    """
    for _ in range(5):
        try:
            return _searched(root)
        except FileNotFoundError as error:
            if not str(error.filename).endswith(("-wal", "-shm", "-journal")):
                raise
    raise TimeoutError(f"files below {root} keep vanishing")


def _searched(root: Path) -> list[str]:
    needles = {form: word for word in WORDS for form in _forms(word)}
    found = []
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        data = path.read_bytes().lower()
        found += [f"{needles[form]} in {path.relative_to(root)}" for form in needles if form in data]
        found += [f"{word} in the name {path.name}" for word in WORDS if word.lower() in path.name.lower()]
    return found


def repeated(text: str) -> list[str]:
    """Which words an answer or an error repeats."""
    return [word for word in WORDS if word.lower() in text.lower()]


def _forms(word: str) -> Iterator[bytes]:
    for written in (word, word.lower(), word.title()):
        data = written.encode()
        yield data.lower()
        yield written.encode("utf-16-le").lower()
        yield data.hex().encode()
        for shift in range(3):
            yield base64.b64encode(b"\0" * shift + data)[4 : len(data) // 3 * 4].lower()


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b""


def _outcome(call: object) -> str:
    try:
        return str(call())  # type: ignore[operator]
    except grpc.RpcError as error:
        return f"{error.details()} {error.trailing_metadata()}"
