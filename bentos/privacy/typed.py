"""Personal data in what was typed beside a picture: taken out or refused before anything looks at it."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from bentos.privacy.recognise import Found, find, redacted
from bentos.runtime.answer import Answer, PillMetadata
from bentos.runtime.errors import InputError

Policy = Literal["redact", "refuse", "keep"]
Redactions = Mapping[str, tuple[str, ...]]
_TEXTS: Final = ("imprint", "color", "shape")


def cleaned(typed: PillMetadata | None, *, policy: Policy) -> tuple[PillMetadata | None, Redactions]:
    """What was typed without personal data, and the kinds that were found by field.

    Raises:
        InputError: personal_data, where the policy is to refuse.
    """
    if typed is None or policy == "keep":
        return typed, {}
    kinds: dict[str, tuple[str, ...]] = {}
    changed: dict[str, str | None] = {}
    for name in _TEXTS:
        text = getattr(typed, name)
        if text and (found := find(text)):
            kinds[name] = tuple(sorted({one.kind for one in found}))
            changed[name] = _without(text, found)
    if kinds and policy == "refuse":
        raise InputError("personal_data", f"The metadata holds personal data in: {', '.join(sorted(kinds))}.")
    return typed.model_copy(update=changed), kinds


def redact(text: str, *, policy: Policy) -> str:
    """A text that is shown, with `[kind]` for what is personal in it; as it is where personal data are kept."""
    return text if policy == "keep" else redacted(text, find(text))


def refuse(texts: Iterable[str | None], *, policy: Policy, what: str) -> None:
    """See that there is nothing personal in texts that are kept.

    Raises:
        InputError: personal_data, where the policy is to refuse.
    """
    if policy == "refuse" and any(text and find(text) for text in texts):
        raise InputError("personal_data", f"There is personal data in {what}.")


def warned(answer: Answer, redactions: Redactions) -> Answer:
    """The answer, saying what of the typed text was not used."""
    if not redactions:
        return answer
    sentence = f"What looked like personal data was not used: {', '.join(sorted(redactions))}"
    pills = tuple(
        pill.model_copy(update={"explanation": pill.explanation.model_copy(
            update={"warnings": (*pill.explanation.warnings, sentence)})})
        for pill in answer.pills
    )  # fmt: skip
    return answer.model_copy(update={"pills": pills})


def _without(text: str, found: list[Found]) -> str | None:
    """The rest of the text: a mark would be taken for an imprint."""
    for one in reversed(found):
        text = f"{text[: one.start]} {text[one.end :]}"
    return " ".join(text.split()) or None
