"""The typed client of the REST interface."""

import json
import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from bentos.catalogue import MedicationPage, MedicationQuery
from bentos.client.credentials import Token, shown
from bentos.client.failure import CallFailed, deadline_passed
from bentos.client.items import Item, Outcome
from bentos.client.retries import Retries
from bentos.feedback import Feedback, FeedbackReceipt
from bentos.model_status import ModelStatus
from bentos.privacy.reference import SUBJECT_HEADER
from bentos.rollout.assign import SESSION_KEY_HEADER
from bentos.rpc.keys import REQUEST_ID_KEY
from bentos.runtime.answer import Answer, PillMetadata
from bentos.signing import Signed

_Record = TypeVar("_Record", bound=BaseModel)
_REFUSED: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class _Problem(BaseModel):
    """What a client needs of a problem document."""

    code: str
    detail: str
    request_id: str


class _BatchItem(BaseModel):
    answer: Answer | None = None
    problem: _Problem | None = None


class _BatchAnswer(BaseModel):
    items: tuple[_BatchItem, ...]


class RestClient(AbstractContextManager):
    """Calls a service over REST; one client may be used by many threads, and should be closed.

    Every method takes `deadline_s` for all its attempts together, and raises `CallFailed`. Refused calls (429, 503)
    and those that found no connection are tried again; calls whose connection broke are too where they only read.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: Token | None = None,
        api_key: str | None = None,
        retries: Retries | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        """Nothing is sent; `http` is an httpx client of one's own, for certificates and proxies."""
        self._shown = lambda: shown(token, api_key)
        self._base_url = base_url.rstrip("/")
        self._retries = retries or Retries()
        self._http = http or httpx.Client()

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def identify(
        self,
        front: bytes,
        *,
        back: bytes | None = None,
        metadata: PillMetadata | None = None,
        session: str | None = None,
        subject: str | None = None,
        deadline_s: float = 10.0,
    ) -> Answer:
        """Identify one pill, or each pill of one photograph; calls of one `session` meet one variant of the release.

        `subject` is whom it is about, kept as a pseudonym.
        """
        files = [("image", front)] + ([("image_back", back)] if back is not None else [])
        data = {} if metadata is None else {"metadata": metadata.model_dump_json(exclude_unset=True)}
        said = {"session": session, "subject": subject, "files": files, "data": data}
        return self._call("POST", "/api/v1/predict", Answer, deadline_s=deadline_s, **said)

    def identify_many(
        self,
        items: Sequence[Item],
        *,
        session: str | None = None,
        subject: str | None = None,
        deadline_s: float = 60.0,
    ) -> tuple[Outcome, ...]:
        """An answer or a failure for each item, in their order; a request holds as many as the service allows (32)."""
        if not items:
            return ()
        files = [("image", item.front) for item in items]
        files += [("image_back", item.back) for item in items if item.back is not None]
        data = {
            "backs": json.dumps([number for number, item in enumerate(items) if item.back is not None]),
            "metadata": json.dumps([item.metadata and item.metadata.model_dump(exclude_unset=True) for item in items]),
        }
        if any(item.subject for item in items):
            data["subjects"] = json.dumps([item.subject for item in items])
        said = {"session": session, "subject": subject, "files": files, "data": data}
        found = self._call("POST", "/api/v1/predict/batch", _BatchAnswer, deadline_s=deadline_s, **said)
        return tuple(_outcome(item) for item in found.items)

    def model_status(self, *, deadline_s: float = 5.0) -> ModelStatus:
        """Which release answers, and what it is made of."""
        return self._call("GET", "/api/v1/model", ModelStatus, deadline_s=deadline_s)

    def search(self, wanted: MedicationQuery, *, deadline_s: float = 5.0) -> MedicationPage:
        """One page of the medications that fit."""
        params = wanted.model_dump(exclude_none=True)
        return self._call("GET", "/api/v1/medications", MedicationPage, deadline_s=deadline_s, params=params)

    def give_feedback(self, said: Feedback, *, deadline_s: float = 5.0) -> FeedbackReceipt:
        """Say what the pill of an earlier answer really was."""
        body = said.model_dump(mode="json")
        return self._call(
            "POST", "/api/v1/feedback", FeedbackReceipt, deadline_s=deadline_s, reads_only=False, json=body
        )

    def checkpoints(
        self, *, from_entry: int | None = None, limit: int | None = None, deadline_s: float = 5.0
    ) -> tuple[bytes, ...]:
        """Signed checkpoints from the one that covers an entry on, else the newest; `client.checkpoints` reads them."""
        params = {name: value for name, value in (("from_entry", from_entry), ("limit", limit)) if value is not None}
        said = self._fetched("GET", "/api/v1/audit/checkpoints", deadline_s=deadline_s, params=params)[1]
        return tuple(said.splitlines())

    def audit_key(self, *, deadline_s: float = 5.0) -> bytes:
        """PEM of the public key that signs receipts; hold it against one that you have from elsewhere."""
        return self._fetched("GET", "/api/v1/audit/key", deadline_s=deadline_s)[1]

    def proof(self, request_id: str, *, deadline_s: float = 10.0) -> Signed:
        """That the entry of an answer to you stands in a checkpoint's tree; waits where it is not under one yet."""
        return self._call("GET", f"/api/v1/audit/proofs/{quote(request_id, safe='')}", Signed, deadline_s=deadline_s)

    def _call(self, method: str, path: str, kind: type[_Record], *, deadline_s: float, **request: Any) -> _Record:
        request_id, content = self._fetched(method, path, deadline_s=deadline_s, **request)
        try:
            return kind.model_validate_json(content, extra="ignore")  # of a newer service, what is known
        except ValidationError as error:
            sentence = f"The service's answer is no {kind.__name__}: {error.errors()[0]['msg']}."
            raise CallFailed("unreadable", sentence, request_id=request_id) from error

    def _fetched(
        self,
        method: str,
        path: str,
        *,
        deadline_s: float,
        session: str | None = None,
        subject: str | None = None,
        reads_only: bool = True,
        **body: Any,
    ) -> tuple[str, bytes]:
        """The request's id and the answer's body."""
        request_id = str(uuid.uuid4())
        named = {SESSION_KEY_HEADER: session, SUBJECT_HEADER: subject}
        headers = {REQUEST_ID_KEY: request_id} | {key: text for key, text in named.items() if text} | self._shown()

        def attempt(left_s: float) -> bytes:
            try:
                return self._sent(method, path, request_id=request_id, left_s=left_s, headers=headers, **body)
            except httpx.TimeoutException as error:
                raise deadline_passed(request_id) from error
            except httpx.ConnectError as error:
                raise CallFailed("unreachable", f"{error}.", request_id=request_id, again=True) from error
            except httpx.TransportError as error:
                sentence = f"The connection broke: {error}."
                raise CallFailed("connection_lost", sentence, request_id=request_id, again=reads_only) from error

        return request_id, self._retries.call(attempt, deadline_s=deadline_s)

    def _sent(self, method: str, path: str, *, request_id: str, left_s: float, **request: Any) -> bytes:
        """The body of one attempt. httpx bounds each step by `left_s`; a body that trickles in is bounded here."""
        end, content = self._retries.clock() + left_s, bytearray()
        with self._http.stream(method, self._base_url + path, timeout=left_s, **request) as response:
            for chunk in response.iter_bytes():
                content += chunk
                if self._retries.clock() > end:
                    raise deadline_passed(request_id)
        if not response.is_success:
            raise _refusal(response, bytes(content), request_id=request_id)
        return bytes(content)


def _refusal(response: httpx.Response, content: bytes, *, request_id: str) -> CallFailed:
    """The failure that a response says, also where a proxy wrote it."""
    try:
        problem = _Problem.model_validate_json(content)
    except ValidationError:
        status = response.status_code
        sentence = f"The service or a proxy answered {status} {response.reason_phrase}."
        problem = _Problem(code=f"http_{status}", detail=sentence, request_id=request_id)
    return CallFailed(
        problem.code,
        problem.detail,
        request_id=problem.request_id,
        retry_after_s=_seconds(response.headers.get("Retry-After", "")),
        again=response.status_code in _REFUSED,
    )


def _seconds(text: str) -> float | None:
    """`Retry-After` in seconds, as this service says it; a date (RFC 9110) would need the service's clock."""
    return float(text) if text.isascii() and text.isdigit() else None


def _outcome(item: _BatchItem) -> Outcome:
    if item.answer is not None:
        return item.answer
    problem = item.problem or _Problem(code="unreadable", detail="Neither answer nor problem came back.", request_id="")
    return CallFailed(problem.code, problem.detail, request_id=problem.request_id)
