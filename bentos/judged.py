"""The journal's entry of what a pill really was, beside what had been answered."""

from datetime import datetime
from typing import Any

from bentos.faults import ServiceFault
from bentos.feedback import Feedback
from bentos.journal import Entry, Recorded
from bentos.runtime.gallery import Gallery


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
        subject_ref=answered.subject_ref,
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
