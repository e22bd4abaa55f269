"""What a pill really was: a closed form, since free text about a patient has no place in the journal."""

import uuid
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

KnownFrom = Literal["package", "pharmacist", "laboratory", "manufacturer", "person"]
Note = Literal[
    "wrong_strength",
    "wrong_drug",
    "imprint_misread",
    "two_sides_of_different_pills",
    "part_of_a_pill",
    "several_pills",
    "poor_picture",
    "not_a_medication",
    "new_appearance",
]


class Feedback(BaseModel):
    """What the pill of an answer really was: a medication, or one that is not in the catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request_id: uuid.UUID
    pill: Annotated[int, Field(ge=0, le=99, description="its place in the answer's pills")] = 0
    medication_id: Annotated[str | None, Field(max_length=32)] = None
    not_in_catalogue: bool = False
    known_from: KnownFrom
    notes: Annotated[tuple[Note, ...], Field(max_length=9)] = ()

    @model_validator(mode="after")
    def _one_truth(self) -> Self:
        if (self.medication_id is None) != self.not_in_catalogue:
            raise ValueError("give either medication_id or not_in_catalogue")
        return self


class FeedbackReceipt(BaseModel):
    """The journal's entry of the feedback; `agrees` where the answer was `identified`: whether the drug was right."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entry_id: int
    request_id: str
    pill: int
    agrees: bool | None
