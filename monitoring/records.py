"""The record of one photograph under one question, and the JSON-lines file that keeps them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bentos.runtime.answer import Asks, Seen, Status

Question = Literal[
    "picture", "picture_both_sides", "picture_and_imprint", "picture_and_partial_imprint", "imprint_only"
]
RANKING_LENGTH = 20


class RecordError(Exception):
    """A records file cannot be read; names the file and the line."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HitRecord(_Record):
    """Expected top-1, top-5 and average precision of the truth, see `metrics.expected_hit`."""

    top1: float
    top5: float
    average_precision: float


class Asked(_Record):
    """One question's outcome. `correct` is about the clinical drug of the first answer.

    `status` is `refused` where the runtime turned the file down, with the error's code as `reason`.
    `ranking` holds the first twenty (appearance, probability); `prediction_set` every medication in the set.
    `asks` is the question that the answer ends with, none where it is identified.
    """

    status: Status | Literal["refused"]
    reason: str | None
    typed: str | None
    ranking: tuple[tuple[str, float], ...]
    ndc: HitRecord
    drug: HitRecord
    answered_medication: str | None
    answered_drug: str | None
    correct: bool
    confidence: float
    uncertainty: float
    unknown_probability: float
    prediction_set: tuple[str, ...]
    set_size: int
    in_set: bool
    cues: dict[str, float]
    route: str | None
    warnings: tuple[str, ...]
    asks: Asks | None = None
    seen: Seen | None = None

    @property
    def identified(self) -> bool:
        """Whether the answer commits itself."""
        return self.status == "identified"


class UnknownAsked(_Record):
    """The photograph answered by a gallery that does not hold its look group."""

    gallery_size: int
    status: Status | Literal["refused"]
    answered_medication: str | None
    confidence: float
    unknown_probability: float


class ReadRecord(_Record):
    """What the imprint reader alone made of a photograph, see `reading.read_photo`."""

    tokens: tuple[str, ...]
    num_strings: int
    num_false: int


class Reply(_Record):
    """How an answer stands: before a question was replied to, or after."""

    status: Status | Literal["refused"]
    top1: float
    set_size: int
    correct: bool


class Replied(_Record):
    """What replies make of an answer that is not identified, see `follow.replies_of`.

    `alone` holds each reply by itself; `in_turn` the questions that were replied to one after the other, up to `after`.
    """

    before: Reply
    asks: Asks
    alone: dict[Asks, Reply]
    in_turn: tuple[Asks, ...]
    after: Reply


class SaidRecord(_Record):
    """The likelier value of one attribute of the pill, its probability, and whether the catalogue says so too."""

    value: str
    probability: float
    right: bool


class PhotoRecord(_Record):
    """One photograph: what it shows, how it was taken, and every question's outcome.

    `picture_both_sides` is answered where a photograph of the other side is there, asked after this one.
    `alone` holds where each member's embedding alone ranks the drug, without any other cue; `said` what the picture
    says of colour, shape, score and marking.
    """

    photo: str
    medication_id: str
    ndc11: str
    drug: str
    role: str
    slices: dict[str, str]
    answers: dict[Question, Asked]
    alone: dict[str, HitRecord] = {}
    said: dict[str, SaidRecord] = {}
    unknown: tuple[UnknownAsked, ...] = ()
    read: ReadRecord | None = None
    replied: Replied | None = None
    timings_ms: dict[str, float]


def write_records(records: Iterable[PhotoRecord], path: Path) -> None:
    """Write one JSON line per photograph."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as handle:
        handle.writelines(record.model_dump_json() + "\n" for record in records)


def read_records(path: Path) -> list[PhotoRecord]:
    """Read a records file.

    Raises:
        RecordError: the file is missing, or a line is not a record of this form.
    """
    if not path.is_file():
        raise RecordError(f"{path} does not exist")
    return [_parse(line, path=path, number=i) for i, line in enumerate(path.read_text("utf-8").splitlines(), start=1)]


def _parse(line: str, *, path: Path, number: int) -> PhotoRecord:
    try:
        return PhotoRecord.model_validate_json(line)
    except ValidationError as error:
        raise RecordError(f"{path}, line {number}: not a record of a benchmark or evaluation: {error}") from error
