"""An old answer given once more: the same recogniser and gallery, the same pictures, held against the journal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bentos.bundle import current_release, open_release
from bentos.journal import Recorded, input_hmac
from bentos.privacy.desk import PrivacyDesk
from bentos.privacy.retained import TYPED
from bentos.privacy.typed import cleaned
from bentos.records import prediction_payload
from bentos.runtime.answer import PillMetadata
from bentos.runtime.errors import ContractError, InputError
from bentos.runtime.predictor import Predictor
from bentos.settings import Settings


@dataclass(frozen=True)
class Question:
    """What was asked: one or two pictures, and what was typed beside them."""

    pictures: tuple[bytes, ...]
    metadata: PillMetadata | None


def supplied(
    entry: Recorded, pictures: Sequence[bytes], *, metadata: PillMetadata | None, settings: Settings
) -> Question:
    """The question of an entry from the pictures that somebody kept.

    Raises:
        InputError: these are other pictures.
        ContractError: the subject of the entry was erased: nobody can tell any more which pictures these were.
    """
    desk = PrivacyDesk(settings)
    key = desk.subjects.input_key(entry.subject_ref)
    desk.close()
    if key is None:
        raise ContractError(f"the subject of entry {entry.entry_id} was erased: its pictures are not known any more")
    if input_hmac(pictures, key=key) != entry.input_hmac:
        raise InputError("bad_metadata", f"these are not the pictures of entry {entry.entry_id}")
    return Question(tuple(pictures), cleaned(metadata, policy=settings.personal_data)[0])


def retained(entry: Recorded, *, settings: Settings) -> Question:
    """The question of an entry from what the service keeps.

    Raises:
        ContractError: nothing is kept of it.
    """
    desk = PrivacyDesk(settings)
    kept = {one.part: one.data for one in desk.retained.of_request(entry.payload["request_id"])}
    desk.close()
    typed = kept.pop(TYPED, None)
    if not kept:
        raise ContractError(f"no picture of entry {entry.entry_id} is retained; give it by --picture")
    metadata = None if typed is None else PillMetadata.model_validate_json(typed)
    return Question(tuple(kept[part] for part in sorted(kept)), metadata)


def answered_by(entry: Recorded, settings: Settings) -> Predictor:
    """The predictor with the digests of an entry, where the signed release still names it.

    Raises:
        ContractError: it does not, there is no release, or a file of it was changed.
    """
    try:
        named = current_release(settings).named().values()
    except FileNotFoundError as error:
        raise ContractError(f"nothing is released at {error.filename}; name a --bundle") from error
    for ref in named:
        if (ref.recogniser, ref.gallery) == (entry.recogniser, entry.gallery):
            return open_release(ref, home=settings.home)
    wanted = f"{entry.recogniser} with {entry.gallery}"
    raise ContractError(f"the release names no {wanted}; name a --bundle that holds both")


def replay(entry: Recorded, asked: Question, *, predictor: Predictor) -> list[str]:
    """What the answer says now and did not say then, as sentences; none where it is the same.

    Compared is all that the journal keeps of a pill: status, probabilities, cues, alternatives, statistics.

    Raises:
        InputError: other fields were typed.
        ContractError: the entry is no answer, or the predictor has other digests.
    """
    if entry.outcome != "answered":
        raise ContractError(f"entry {entry.entry_id} is no answer but {entry.outcome!r}")
    observation = predictor.observe(asked.pictures)
    effort = "fast" if entry.payload["degraded"] else "full"
    answer = predictor.answer(observation, metadata=asked.metadata, effort=effort)
    if (answer.release.recogniser, answer.release.gallery) != (entry.recogniser, entry.gallery):
        raise ContractError(f"entry {entry.entry_id} was answered by {entry.recogniser} with {entry.gallery}")
    now = prediction_payload(answer, observation, metadata=asked.metadata)
    if now["typed"] != entry.payload["typed"]:
        raise InputError("bad_metadata", f"typed was {entry.payload['typed']}, not {now['typed']}")
    return _differences(entry.payload["pills"], now["pills"])


def _differences(then: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[str]:
    if len(then) != len(now):
        return [f"{len(now)} pills, then {len(then)}"]
    return [
        f"pill {number}: {name} is {new.get(name)!r}, was {old.get(name)!r}"
        for number, (old, new) in enumerate(zip(then, now, strict=True))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
