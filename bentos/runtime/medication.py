"""A medication as the catalogue knows it, and the appearance it shares with its look-alikes."""

import hashlib
import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bentos.runtime.spl import IMPRINT_TYPES, parse_color, parse_shape

_NDC11 = re.compile(r"\d{5}-\d{4}-\d{2}")
_BRAND = re.compile(r"\s*\[[^\]]*\]\s*$")
Side = Literal["front", "back"]


class ImprintToken(BaseModel):
    """One run of characters on a pill, with the side it stands on where that is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=64)]
    side: Side | None = None


class Medication(BaseModel):
    """One catalogue row: an oral solid medication under one NDC-11 and kit part.

    Raises `pydantic.ValidationError` (a `ValueError`) on an unknown SPL word, a malformed NDC or a
    size that is not positive. NDC-11 is the 5-4-2 form with hyphens of the FDA's National Drug Code.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ndc11: str
    part: Annotated[int, Field(ge=1, le=99)] = 1
    rxcui: str | None = None
    rxnorm_name: str | None = None
    generic_name: str
    proprietary_name: str | None = None
    labeler: str | None = None
    strength: str | None = None
    dosage_form: str | None = None
    imprint: tuple[ImprintToken, ...] = ()
    imprint_type: Literal["PRINTED", "DEBOSSED", "EMBOSSED"] | None = None
    imprint_color: str | None = None
    colors: Annotated[tuple[str, ...], Field(min_length=1, max_length=4)]
    shape: str
    score: Annotated[int, Field(ge=1, le=4)] = 1
    size_mm: Annotated[float, Field(gt=0, le=50)]
    symbol: bool = False

    @field_validator("ndc11")
    @classmethod
    def _ndc_is_5_4_2(cls, value: str) -> str:
        if not _NDC11.fullmatch(value):
            raise ValueError(f"malformed NDC-11 {value!r}; expected 5-4-2 digits such as 00002-3228-30")
        return value

    @field_validator("colors")
    @classmethod
    def _colors_are_spl(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(parse_color(color) for color in value)

    @field_validator("imprint_color")
    @classmethod
    def _imprint_color_is_spl(cls, value: str | None) -> str | None:
        return None if value is None else parse_color(value)

    @field_validator("shape")
    @classmethod
    def _shape_is_spl(cls, value: str) -> str:
        return parse_shape(value)

    @property
    def medication_id(self) -> str:
        """The key of the row: NDC-11 and part, `00002-3228-30.1`."""
        return f"{self.ndc11}.{self.part}"

    @property
    def clinical_drug(self) -> str:
        """The RxNorm name without the bracketed brand, else generic name and strength; case-folded.

        Where the strength is unknown too, the NDC's product code stands for it: two strengths that nobody
        recorded must not count as one drug.
        """
        told_apart_by = self.strength or f"NDC {self.ndc11[:10]}"
        name = _BRAND.sub("", self.rxnorm_name) if self.rxnorm_name else f"{self.generic_name} {told_apart_by}"
        return " ".join(name.casefold().split())

    @property
    def is_pack(self) -> bool:
        """Whether the row is one of the pills of a pack (RxNorm's term types GPCK and BPCK, in braces)."""
        return self.clinical_drug.startswith("{")

    @property
    def display_name(self) -> str:
        """What a person reads: the RxNorm name, else generic name and strength."""
        return self.rxnorm_name or f"{self.generic_name} {self.strength or ''}".strip()

    @property
    def imprint_text(self) -> str:
        """All tokens joined by `;`, in catalogue order."""
        return ";".join(token.text for token in self.imprint)


class Appearance(BaseModel):
    """What pills share that no one can tell apart: imprint, colours, shape, size, score.

    `look_group` is the same without size and score, which a photograph without a scale hardly shows;
    splits keep a look group on one side.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    appearance_id: str
    look_group: str
    medication_ids: tuple[str, ...]
    imprint: tuple[str, ...]
    imprint_type: Literal[IMPRINT_TYPES] | None
    colors: tuple[str, ...]
    shape: str
    score: int
    size_mm: float


def fold_imprint(text: str) -> str:
    """Upper-case letters and digits of `text` alone; spaces, hyphens and symbols are not glyphs."""
    return "".join(char for char in text.upper() if char.isalnum())


def _digest(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:12]


def _look(medication: Medication) -> tuple:
    tokens = tuple(sorted(fold_imprint(token.text) for token in medication.imprint))
    return tokens, tuple(sorted(medication.colors)), medication.shape


def look_group_of(medication: Medication) -> str:
    """Identifier of the group that shares imprint, colours and shape."""
    return _digest("look", *_look(medication))


def appearance_id_of(medication: Medication) -> str:
    """Identifier of the appearance: imprint, colours, shape, size and score."""
    return _digest("appearance", *_look(medication), f"{medication.size_mm:g}", medication.score)


def derive_appearances(medications: Iterable[Medication]) -> list[Appearance]:
    """Group medications by appearance, in order of first occurrence."""
    members: dict[str, list[Medication]] = {}
    for medication in medications:
        members.setdefault(appearance_id_of(medication), []).append(medication)
    return [_appearance(appearance_id, group) for appearance_id, group in members.items()]


def _appearance(appearance_id: str, group: list[Medication]) -> Appearance:
    first = group[0]
    return Appearance(
        appearance_id=appearance_id,
        look_group=look_group_of(first),
        medication_ids=tuple(medication.medication_id for medication in group),
        imprint=tuple(token.text for token in first.imprint),
        imprint_type=first.imprint_type,
        colors=first.colors,
        shape=first.shape,
        score=first.score,
        size_mm=first.size_mm,
    )
