"""An old answer given once more: the same recogniser and gallery, the same pictures, held against the journal."""

from collections.abc import Sequence
from typing import Any

from bentos.bundle import current_release, open_release
from bentos.journal import HMAC_KEY_FILE, Recorded, input_hmac
from bentos.records import prediction_payload
from bentos.runtime.answer import PillMetadata
from bentos.runtime.errors import ContractError, InputError
from bentos.runtime.predictor import Predictor
from bentos.settings import Settings
from bentos.signing import secret


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


def replay(
    entry: Recorded,
    pictures: Sequence[bytes],
    *,
    metadata: PillMetadata | None,
    predictor: Predictor,
    settings: Settings,
) -> list[str]:
    """What the answer says now and did not say then, as sentences; none where it is the same.

    Compared is all that the journal keeps of a pill: status, probabilities, cues, alternatives, statistics.

    Raises:
        InputError: these are other pictures, or other fields were typed.
        ContractError: the entry is no answer, or the predictor has other digests.
    """
    if entry.outcome != "answered":
        raise ContractError(f"entry {entry.entry_id} is no answer but {entry.outcome!r}")
    if input_hmac(pictures, key=secret(settings.keys_dir, name=HMAC_KEY_FILE)) != entry.input_hmac:
        raise InputError("bad_metadata", f"these are not the pictures of entry {entry.entry_id}")
    observation = predictor.observe(pictures)
    effort = "fast" if entry.payload["degraded"] else "full"
    answer = predictor.answer(observation, metadata=metadata, effort=effort)
    if (answer.release.recogniser, answer.release.gallery) != (entry.recogniser, entry.gallery):
        raise ContractError(f"entry {entry.entry_id} was answered by {entry.recogniser} with {entry.gallery}")
    now = prediction_payload(answer, observation, metadata=metadata)
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
