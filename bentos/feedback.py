"""What a pill really was: a closed form, since free text about a patient has no place in the journal."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bentos.faults import ServiceFault
from bentos.journal import Entry, Recorded
from bentos.runtime.gallery import Gallery

KnownFrom = Literal["package", "pharmacist", "laboratory", "manufacturer", "person"]
Note = Literal[
    "wrong_strength",
    "wrong_drug",
    "imprint_misread",
    "two_sides_of_different_pills",
    "part_of_a_pill",
    "several_pills",
    "poor_picture",
    "not_a_medication",
    "new_appearance",
]


class Feedback(BaseModel):
    """What the pill of an answer really was: a medication, or one that is not in the catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request_id: uuid.UUID
    pill: Annotated[int, Field(ge=0, le=99, description="its place in the answer's pills")] = 0
    medication_id: Annotated[str | None, Field(max_length=32)] = None
    not_in_catalogue: bool = False
    known_from: KnownFrom
    notes: Annotated[tuple[Note, ...], Field(max_length=9)] = ()

    @model_validator(mode="after")
    def _one_truth(self) -> Self:
        if (self.medication_id is None) != self.not_in_catalogue:
            raise ValueError("give either medication_id or not_in_catalogue")
        return self


class FeedbackReceipt(BaseModel):
    """The journal's entry of the feedback; `agrees` where the answer was `identified`: whether the drug was right."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entry_id: int
    request_id: str
    pill: int
    agrees: bool | None


def feedback_entry(said: Feedback, *, answered: Recorded | None, gallery: Gallery, actor: str, now: datetime) -> Entry:
    """The journal's entry of a feedback on an answer of ours.

    Raises:
        ServiceFault: unknown_request, unknown_medication, bad_request.
    """
    if answered is None or answered.outcome != "answered":
        raise ServiceFault("unknown_request", "No answer of this service has this request_id.")
    pills = answered.payload["pills"]
    if said.pill >= len(pills):
        raise ServiceFault("bad_request", f"The answer has {len(pills)} pills; the first is number 0.")
    if said.medication_id is not None and said.medication_id not in gallery.medications:
        raise ServiceFault("unknown_medication", "The gallery in force holds no medication of this id.")
    pill = pills[said.pill]
    return Entry(
        at=now,
        actor=actor,
        action="feedback",
        outcome="recorded",
        recogniser=answered.recogniser,
        gallery=answered.gallery,
        payload={
            **said.model_dump(mode="json"),
            "answered_entry": answered.entry_id,
            "answer_status": pill["status"],
            "variant": answered.payload.get("variant"),
            "agrees": _agrees(said, pill, gallery),
        },
    )


def _agrees(said: Feedback, pill: dict[str, Any], gallery: Gallery) -> bool | None:
    """Whether an identified pill is the clinical drug that it really is; None where nothing was identified."""
    named = pill["medication_id"]
    if pill["status"] != "identified" or named is None:
        return None
    if said.medication_id is None or named not in gallery.medications:
        return False if said.medication_id is None else named == said.medication_id
    known = gallery.medications
    return known[named].clinical_drug == known[said.medication_id].clinical_drug
