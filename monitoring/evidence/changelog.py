"""The change log: what was released, tried, withdrawn or refused, when, by whom and why, in words, from the journal."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from typing import Any, Final

from bentos.journal import Recorded
from monitoring.evidence.figures import FIGURES, in_words

ACTIONS: Final = (
    "promote", "rollback", "challenge", "put_shadow", "end_trials", "settle", "resume", "withdraw", "pause", "approve",
    "verdict", "refuse_promote", "refuse_challenge",
)  # fmt: skip
_TITLES: Final = {
    "promote": "Version {version} put in force",
    "rollback": "Version {version} put back in force",
    "challenge": "A challenger beside version {version}",
    "put_shadow": "A shadow behind version {version}",
    "end_trials": "Trials beside version {version} ended",
    "settle": "Withdrawals signed; version {version} is in force",
    "resume": "Trial beside version {version} resumed",
    "withdraw": "A variant withdrawn by the service",
    "pause": "A trial paused by the service",
    "verdict": "Candidate judged",
    "refuse_promote": "Promotion of version {version} refused",
    "refuse_challenge": "Challenger version {version} refused",
}


def relevant(entries: Iterable[Recorded]) -> list[Recorded]:
    """The entries that a change log tells of, in their order."""
    return [entry for entry in entries if entry.action in ACTIONS]


def changelog(entries: Iterable[Recorded]) -> str:
    """Markdown, the newest first; `entries` in the order of the journal."""
    told = list(_chapters(relevant(entries)))
    intro = ("# Change log\n\nWritten from the journal; `#` is an entry's place there, where `rxvision audit verify` "
             "proves that none was altered.\n")  # fmt: skip
    return intro + ("\n" + "\n".join(reversed(told)) if told else "\nNothing was released yet.\n")


def _chapters(entries: Iterable[Recorded]) -> Iterator[str]:
    rules: dict[str, str] = {}
    for entry in entries:
        lines = [*_lines(entry), *_changed_rules(entry, rules)]
        yield "\n".join([f"## {_title(entry)}", "", _when(entry), "", *(f"- {line}" for line in lines), ""])


def _title(entry: Recorded) -> str:
    version = _plain(entry.subject_ref or "?")
    if entry.action == "approve":
        return "Approval given" if entry.outcome == "approve" else "Approval withheld"
    title = _TITLES[entry.action].format(version=version)
    return f"{title}: {entry.outcome}" if entry.action == "verdict" else title


def _when(entry: Recorded) -> str:
    by = f", by {_plain(entry.actor)}" if entry.actor else ""
    return f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC{by} (#{entry.entry_id})"


def _lines(entry: Recorded) -> Iterator[str]:
    payload = entry.payload
    if entry.action.startswith("refuse_"):
        yield f"why: {_plain(payload['why'])}"
    if reason := payload.get("reason"):
        yield f"reason: {_plain(reason)}"
    if "from" in payload:
        yield f"instead of version {_plain(payload['from'])}"
    if withdrawn := payload.get("withdrawn"):
        yield f"withdrawn: {_plain(', '.join(withdrawn) if isinstance(withdrawn, list) else withdrawn)}"
    if "challenger" in payload and "share" in payload:
        yield f"version {_plain(payload['challenger'])} answers {payload['share']:.0%} of the callers"
    if "launched_by" in payload:
        yield f"training launched by {_plain(payload['launched_by'] or 'nobody that is recorded')}"
    yield from (f"changed: {_plain(words)}" for words in payload.get("changes", ()))
    yield from _figures(payload)
    yield from _approvals(payload)
    if entry.recogniser:
        gallery = f", gallery `{entry.gallery[7:19]}`" if (entry.gallery or "")[7:] else ""
        yield f"recogniser `{entry.recogniser[7:19]}`{gallery}"


def _figures(payload: Mapping[str, Any]) -> Iterator[str]:
    before, after = payload.get("figures_before") or {}, payload.get("figures") or {}
    for name, about in FIGURES.items():
        if name in after and before.get(name) != after[name]:
            was = f" (the champion until then: {in_words(name, before[name])})" if name in before else ""
            yield f"{about.words}: {in_words(name, after[name])}{was}"
    if same := sum(before.get(name) == value for name, value in after.items()):
        yield f"{same} other figures as before"


def _approvals(payload: Mapping[str, Any]) -> Iterator[str]:
    for one in payload.get("approvals", ()):
        yield f"approved by {_plain(one['name'])} ({_plain(one['role'])}), {one['at'][:16]}: {_plain(one['reason'])}"
    if payload.get("approvals") == [] and "rules" in payload:
        yield f"approved by nobody: the rules “{_plain(payload['rules']['name'])}” ask for none"


def _changed_rules(entry: Recorded, known: dict[str, str]) -> Iterator[str]:
    """Rules and envelopes that differ from those of the release before; what is in force is kept in `known`."""
    for kind, words in (("rules", "rules of promotion"), ("envelope", "change envelope")):
        if kind in entry.payload:
            digest, name = entry.payload[kind]["digest"], _plain(entry.payload[kind]["name"])
            if known.get(kind, digest) != digest:
                yield f"**the {words} changed** since the release before: now “{name}” ({digest[7:19]})"
            known[kind] = digest


def _plain(text: str) -> str:
    """One line, and nothing that Markdown or HTML would take for more than text."""
    flat = " ".join(str(text).split())
    for sign in "\\`*[]<>|#":
        flat = flat.replace(sign, "\\" + sign)
    return flat
