"""REST: the medications that can be answered, with their facts and reference pictures."""

import asyncio
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from bentos.answering import Answering
from bentos.catalogue import Match, MedicationPage, MedicationQuery
from bentos.faults import ServiceFault
from bentos.openapi import problems
from bentos.runtime.contract import View
from bentos.runtime.errors import ContractError
from bentos.runtime.gallery import Gallery
from bentos.runtime.medication import Medication, appearance_id_of
from bentos.runtime.pictures import MEDIA_TYPE as PICTURE_TYPE
from bentos.search import Found, MedicationSearch

PictureSide = Literal["front", "back", "unknown"]
_SIDES: Final[tuple[PictureSide, ...]] = ("front", "back", "unknown")
router = APIRouter(prefix="/api/v1", tags=["medications"])


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PictureLink(_Part):
    """Where the reference picture of one side is, whose it is, and which lot it shows where that is known."""

    side: PictureSide
    href: str
    source: str
    lot: str | None


class MedicationRecord(_Part):
    """The facts of a medication, the others that look the same, and its reference pictures."""

    medication_id: str
    name: str
    clinical_drug: str
    appearance_id: str
    same_appearance: tuple[str, ...]
    facts: Medication
    pictures: tuple[PictureLink, ...]
    gallery: str


@router.get(
    "/medications", response_model=MedicationPage, responses=problems(422, 503), operation_id="searchMedications"
)
async def medications(request: Request, wanted: Annotated[MedicationQuery, Query()]) -> Response:
    """Search by imprint (mistakes allowed), colour, shape and name; all that is given must fit."""
    answering: Answering = request.app.state.answering
    gallery = answering.serving().predictor.gallery
    with answering.admitted():
        found = await asyncio.to_thread(_find, request, wanted)
    return _json(_page(found, wanted, gallery=gallery.digest))


@router.get(
    "/medications/{medication_id}",
    response_model=MedicationRecord,
    responses=problems(404, 503),
    operation_id="getMedication",
)
async def medication(request: Request, medication_id: str) -> Response:
    """One medication's facts, its look-alikes without any difference, and links to its reference pictures."""
    gallery = _gallery(request)
    item = _known(gallery, medication_id)
    look = next(look for look in gallery.appearances if medication_id in look.medication_ids)
    shown = await asyncio.to_thread(_shown, gallery, item)
    record = MedicationRecord(
        medication_id=item.medication_id,
        name=item.display_name,
        clinical_drug=item.clinical_drug,
        appearance_id=look.appearance_id,
        same_appearance=tuple(key for key in look.medication_ids if key != medication_id),
        facts=item,
        pictures=tuple(_link(item, gallery.spec.views[row]) for row, _ in shown.values()),
        gallery=gallery.digest,
    )
    return _json(record)


@router.get(
    "/medications/{medication_id}/pictures/{side}",
    response_class=Response,
    responses={
        200: {"content": {PICTURE_TYPE: {"schema": {"type": "string", "format": "binary"}}}},
        **problems(404, 422, 503),
    },
    operation_id="getMedicationPicture",
)
async def picture(request: Request, medication_id: str, side: PictureSide) -> Response:
    """A small reference picture of one side, as the gallery in force was made from it."""
    gallery = _gallery(request)
    shown = await asyncio.to_thread(_shown, gallery, _known(gallery, medication_id))
    if side not in shown:
        raise ServiceFault("no_picture", "The gallery in force holds no picture of this side.")
    row, data = shown[side]
    tag = gallery.spec.views[row].picture_digest.removeprefix("sha256:")[:32]
    return Response(data, media_type=PICTURE_TYPE, headers={"ETag": f'"{tag}"', "Cache-Control": "max-age=3600"})


def _shown(gallery: Gallery, item: Medication) -> dict[PictureSide, tuple[int, bytes]]:
    """The first picture of each side with its row; the medication's own before those of the same appearance."""
    look = appearance_id_of(item)
    rows = [row for row, view in enumerate(gallery.spec.views) if view.appearance_id == look]
    rows.sort(key=lambda row: gallery.spec.views[row].medication_id != item.medication_id)
    found: dict[PictureSide, tuple[int, bytes]] = {}
    for row in rows:
        if gallery.spec.views[row].side not in found and (data := _picture(gallery, row)) is not None:
            found[gallery.spec.views[row].side] = (row, data)
    return {side: found[side] for side in _SIDES if side in found}


def _picture(gallery: Gallery, row: int) -> bytes | None:
    """A view's picture; a file that was replaced under a running service counts as none."""
    try:
        return gallery.picture(row)
    except ContractError:
        return None


def _link(item: Medication, view: View) -> PictureLink:
    href = f"/api/v1/medications/{item.medication_id}/pictures/{view.side}"
    return PictureLink(side=view.side, href=href, source=view.source, lot=view.lot)


def _gallery(request: Request) -> Gallery:
    return request.app.state.answering.serving().predictor.gallery


def _known(gallery: Gallery, medication_id: str) -> Medication:
    found = gallery.medications.get(medication_id)
    if found is None:
        raise ServiceFault("unknown_medication", "The gallery in force holds no medication of this id.")
    return found


def _find(request: Request, wanted: MedicationQuery) -> Found:
    return _search(request).find(wanted)


def _search(request: Request) -> MedicationSearch:
    """The gallery's search tables, made when the first search after a swap comes."""
    state, predictor = request.app.state, request.app.state.answering.serving().predictor
    digest, held = getattr(state, "search", (None, None))
    if digest != predictor.gallery.digest:
        rate = predictor.recogniser.spec.cues.imprint_error_rate
        held = MedicationSearch(predictor.gallery, imprint_error_rate=rate)
        state.search = (predictor.gallery.digest, held)
    return held


def _page(found: Found, wanted: MedicationQuery, *, gallery: str) -> MedicationPage:
    end = wanted.offset + len(found.matches)
    return MedicationPage(
        gallery=gallery,
        total=found.total,
        offset=wanted.offset,
        next_offset=end if found.matches and end < found.total else None,
        medications=tuple(_match(item, score) for item, score in found.matches),
    )


def _match(item: Medication, score: float) -> Match:
    return Match(
        medication_id=item.medication_id,
        name=item.display_name,
        labeler=item.labeler,
        strength=item.strength,
        imprint=item.imprint_text,
        colors=item.colors,
        shape=item.shape,
        size_mm=item.size_mm,
        imprint_score=round(score, 3),
        href=f"/api/v1/medications/{item.medication_id}",
    )


def _json(body: BaseModel) -> Response:
    return Response(body.model_dump_json(), media_type="application/json")
