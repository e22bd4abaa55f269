"""Shows an answer to a person in a terminal."""

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bentos.runtime.answer import Answer, PillAnswer, PredictionSet, Seen
from bentos.runtime.explain import cue_words

_STYLE = {"identified": "bold green", "uncertain": "bold yellow", "unknown": "bold red", "retake": "bold magenta"}
_SHOWN_ALTERNATIVES = 5
_CAUTION = "A suggestion by a computer, not a diagnosis: have a pharmacist confirm it before anyone takes the pill."


def render_answer(answer: Answer) -> RenderableType:
    """One panel per pill, the release below."""
    count = len(answer.pills)
    panels = [_panel(pill, title=f"Pill {i} of {count}") for i, pill in enumerate(answer.pills, start=1)]
    release = answer.release
    origin = f"{release.variant} {release.version}  recogniser {_short(release.recogniser)}"
    foot = f"{origin}  gallery {_short(release.gallery)}  {answer.timings_ms.get('total', 0):.0f} ms"
    return Group(*panels, Text(_CAUTION, style="italic"), Text(foot, style="dim"))


def _panel(pill: PillAnswer, *, title: str) -> Panel:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column()
    for name, value in _facts(pill):
        facts.add_row(name, value)
    tables = [facts]
    if pill.alternatives:
        tables.append(_alternatives(pill))
    if pill.explanation.cues:
        tables.append(_cues(pill))
    return Panel(Group(*tables), title=title, title_align="left")


def _facts(pill: PillAnswer) -> list[tuple[str, RenderableType]]:
    rows: list[tuple[str, RenderableType]] = [("Status", Text(pill.status, style=_STYLE[pill.status]))]
    if pill.reason:
        rows.append(("Reason", pill.reason))
    if pill.medication:
        rows += [("Medication", Text(pill.medication.name, style="bold")), ("NDC", pill.medication.ndc11)]
        rows += [("Strength", pill.medication.strength)] if pill.medication.strength else []
        rows += [("Imprint", pill.medication.imprint)] if pill.medication.imprint else []
        rows += [("Same look", ", ".join(pill.medication.same_appearance))] if pill.medication.same_appearance else []
    rows.append(("Confidence", f"{pill.confidence:.1%}   (not in this catalogue: {pill.unknown_probability:.1%})"))
    rows.append(("Possible", _promise(pill.prediction_set)))
    rows += [("Seen", _in_words(pill.seen))] if pill.seen else []
    rows += [("Warning", Text(warning, style="yellow")) for warning in pill.explanation.warnings]
    rows += [("Why", pill.explanation.words)] if pill.explanation.words else []
    matched = [f"{view.medication_id} {view.side}" for view in pill.explanation.matched]
    rows += [("Reference", ", ".join(matched))] if matched else []
    rows += [("Next", Text(pill.next, style="cyan"))] if pill.next else []
    return rows


def _promise(offered: PredictionSet) -> str:
    noun = "appearance" if offered.num_appearances == 1 else "appearances"
    covered = f"hold the right one in {offered.promised_coverage:.0%} of cases, in the domain: {offered.domain}"
    return f"{offered.num_appearances} {noun}; such sets {covered}"


def _in_words(seen: Seen) -> str:
    """The likeliest colours and shapes, and whether it is scored and printed, each with its probability."""
    listed = [", ".join(f"{name.lower()} {p:.0%}" for name, p in of.items()) for of in (seen.colors, seen.shapes)]
    return "; ".join([*listed, f"scored {seen.scored:.0%}", f"printed {seen.printed:.0%}"])


def _alternatives(pill: PillAnswer) -> Table:
    table = Table(title="Candidates", title_justify="left", box=None, padding=(0, 2))
    for column, justify in (("", "right"), ("name", "left"), ("NDC", "left"), ("probability", "right")):
        table.add_column(column, justify=justify)
    for place, candidate in enumerate(pill.alternatives[:_SHOWN_ALTERNATIVES], start=1):
        table.add_row(str(place), candidate.name, candidate.medication_id, f"{candidate.probability:.1%}")
    return table


def _cues(pill: PillAnswer) -> Table:
    route = pill.explanation.route
    table = Table(title=f"Why, in nats (route: {route})", title_justify="left", box=None)
    for column, justify in (("cue", "left"), ("share", "right"), ("over the other drug", "right")):
        table.add_column(column, justify=justify)
    against = pill.explanation.against_runner_up
    for cue, share in sorted(pill.explanation.cues.items(), key=lambda item: -item[1]):
        table.add_row(cue_words(cue), f"{share:+.2f}", f"{against[cue]:+.2f}" if cue in against else "")
    return table


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]
