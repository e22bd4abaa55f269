"""What commands show: one bar, tables of figures, and named errors as one sentence."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bentos.runtime.errors import RuntimeFault


class CommandFault(RuntimeFault):
    """A named error of a lower package, as the command line says it."""


@contextmanager
def in_one_sentence() -> Iterator[None]:
    """Turns the named errors of training, monitoring and data into what `rxvision` prints as one sentence."""
    from bentos.evidence.approvals import ApprovalError
    from data.catalogue.errors import CatalogueError
    from data.sources.labelled import LayoutError
    from monitoring.benchmark import BenchmarkError
    from monitoring.candidates import CandidateError
    from monitoring.evidence.envelope import EnvelopeError, RulesFileError
    from monitoring.experiment_rows import ExperimentError
    from monitoring.promote import GalleryRefusedError, RollbackError
    from monitoring.records import RecordError
    from monitoring.trial import TrialError
    from monitoring.verdict import VerdictError

    named = (ApprovalError, EnvelopeError, RulesFileError, CatalogueError, LayoutError, BenchmarkError, CandidateError,
             ExperimentError, GalleryRefusedError,
             RollbackError, RecordError, TrialError, VerdictError)  # fmt: skip
    try:
        yield
    except named as error:
        raise CommandFault(str(error)) from error


@contextmanager
def one_bar(name: str, *, console: Console) -> Iterator[Callable[[int, int | None], None]]:
    """A bar that follows (done, total)."""
    with Progress(console=console) as display:
        task = display.add_task(name, total=None)
        yield lambda done, total: display.update(task, completed=done, total=total)


def benchmark_table(figures: Mapping[str, Any]) -> Table:
    """Every question's figures with their intervals."""
    from monitoring.accuracy import QUESTIONS

    table = Table("question", "level", "figure", "value", "95 %", title=f"{figures['num_photos']} photographs, "
                  f"{figures['gallery_size']} medications", title_justify="left")  # fmt: skip
    for question in (*QUESTIONS, "unknown"):
        for level, name, figure in _figures(figures[question]):
            value, low, high = (figure[key] for key in ("value", "low", "high"))
            interval = "" if low is None else f"{low:.3f} to {high:.3f}"
            table.add_row(question, level, name, "none" if value is None else f"{value:.3f}", interval)
    return table


def further_tables(figures: Mapping[str, Any]) -> Iterator[Table]:
    """What a reply to each question asked is worth, and the deletion test where it was made."""
    from monitoring.accuracy import figure_text
    from monitoring.follow import reply_rows

    asked = figures["questions_asked"]
    names = ("set_before", "set_after", "top1_before", "top1_after", "identified_after", "right_when_identified")
    table = Table("reply", "answers", *(name.replace("_", " ") for name in names),
                  title=f"{asked['num']} answers not identified, asked on", title_justify="left")  # fmt: skip
    for words, num, row in reply_rows(asked):
        table.add_row(words, str(num), *(figure_text(row[name]) for name in names))
    yield table
    if "deletion" in figures:
        yield _deletion_table(figures["deletion"])


def _deletion_table(figures: Mapping[str, Any]) -> Table:
    from monitoring.accuracy import figure_text

    table = Table("painted over", "lead lost, nats", "score lost, nats", "the hottest part takes more by",
                  title=f"heat maps on {figures['num_photos']} photographs", title_justify="left")  # fmt: skip
    for where in figures["lead"]:
        over = figure_text(figures["lead_over"][where]) if where in figures["lead_over"] else ""
        table.add_row(where, figure_text(figures["lead"][where]), figure_text(figures["score"][where]), over)
    return table


def _figures(node: Mapping[str, Any], *, level: str = "") -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for name, value in node.items():
        if isinstance(value, Mapping) and "value" in value:
            yield level, name, value
        elif isinstance(value, Mapping):
            yield from _figures(value, level=name)
