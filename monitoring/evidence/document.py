"""Documents for people: titled sections of sentences, facts and tables, as one self-contained HTML page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

TEMPLATES: Final = Path(__file__).parent


@dataclass(frozen=True)
class Table:
    """A table; columns of `numeric` names stand right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it, in this order: sentences, points, facts, table."""

    title: str
    sentences: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    table: Table | None = None


def document(title: str, *, lead: str, sections: Sequence[Section], foot: str) -> str:
    """The page of a document."""
    return page("document.html", title=title, lead=lead, sections=sections, foot=foot)


def page(template: str, **context: Any) -> str:
    """A template of this folder, rendered; every value is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["spoken"] = spoken
    return environment.get_template(template).render(**context)


def spoken(at: str) -> str:
    """A moment in ISO 8601 as a person reads it, in UTC."""
    return datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
