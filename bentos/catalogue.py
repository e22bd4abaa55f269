"""What can be asked of the medications, and what is found."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MedicationQuery(_Part):
    """What is known of the medication; every part that is given must fit."""

    imprint: Annotated[str | None, Field(max_length=200, description="text on the pill, mistakes allowed")] = None
    color: Annotated[str | None, Field(max_length=80, description="SPL colours, all of them, joined by ';'")] = None
    shape: Annotated[str | None, Field(max_length=40, description="SPL shape")] = None
    name: Annotated[str | None, Field(max_length=100, description="generic or brand name, mistakes allowed")] = None
    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class Match(_Part):
    """One medication of a page; `imprint_score` is in nats, 0 where no imprint was asked for."""

    medication_id: str
    name: str
    labeler: str | None
    strength: str | None
    imprint: str
    colors: tuple[str, ...]
    shape: str
    size_mm: float
    imprint_score: float
    href: str


class MedicationPage(_Part):
    """One page of a search. Pages fit together while `gallery` stays the same."""

    gallery: str
    total: int
    offset: int
    next_offset: int | None
    medications: tuple[Match, ...]
