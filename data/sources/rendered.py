"""The built-in source: photographs and reference pictures drawn from the catalogue's facts."""

import hashlib
import io
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice

import cv2
from PIL import Image

from bentos.runtime.medication import Medication, Side
from data.photo import Photo
from data.rendering.render import Pool, RenderedPhoto, render_photo, render_reference
from data.rendering.version import RENDERER_VERSION

NAME = "rendered"
_SIDES: tuple[Side, ...] = ("front", "back")
_POOLS: tuple[Pool, ...] = ("train", "test")
_BATCHES_IN_FLIGHT_PER_WORKER = 3
_BATCH = 24


@dataclass(frozen=True)
class _Shot:
    """One picture to draw; `number` is the seed of a photograph or the lot of a reference picture."""

    medication: Medication
    side: Side
    pool: Pool | None
    number: int

    @property
    def name(self) -> str:
        kind = self.pool or "reference"
        return f"v{RENDERER_VERSION}/{self.medication.medication_id}/{kind}/{self.side}/{self.number}"


class RenderedSource:
    """Draws `photos_per_side[pool]` photographs and `references_per_side` studio pictures of each side.

    The same arguments give the same bytes. More per side adds pictures and keeps those there were. `workers`
    processes draw in parallel (1 draws in this one); at most a few batches wait in memory.
    """

    def __init__(
        self,
        medications: Iterable[Medication],
        *,
        photos_per_side: Mapping[Pool, int],
        references_per_side: int,
        seed: int,
        workers: int,
    ) -> None:
        self._medications = tuple(medications)
        self._photos_per_side = dict(photos_per_side)
        self._references_per_side = references_per_side
        self._seed = seed
        self._workers = workers

    @property
    def name(self) -> str:
        """The same for every instance: names within it pin the content."""
        return NAME

    @property
    def fingerprint(self) -> str:
        """Digest of the renderer's version, the numbers asked for and the medications' facts."""
        digest = hashlib.sha256()
        counts = [self._photos_per_side.get(pool, 0) for pool in _POOLS]
        digest.update(repr((RENDERER_VERSION, counts, self._references_per_side, self._seed)).encode())
        for medication in self._medications:
            digest.update(medication.model_dump_json().encode())
        return digest.hexdigest()

    @property
    def num_photos(self) -> int:
        """How many pictures the source holds."""
        per_side = sum(self._photos_per_side.get(pool, 0) for pool in _POOLS) + self._references_per_side
        return per_side * len(_SIDES) * len(self._medications)

    def photos(self, *, skip: Callable[[str], bool]) -> Iterator[Photo]:
        """Stream the pictures of one medication after another."""
        shots = (shot for shot in self._shots() if not skip(self._photo_name(shot)))
        batches = iter(lambda: list(islice(shots, _BATCH)), [])
        if self._workers <= 1:
            for batch in batches:
                yield from _draw_all(batch, seed=self._seed)
            return
        with ProcessPoolExecutor(
            self._workers, mp_context=multiprocessing.get_context("spawn"), initializer=_use_one_thread
        ) as pool:
            yield from _in_order(pool, batches, seed=self._seed, ahead=self._workers * _BATCHES_IN_FLIGHT_PER_WORKER)

    def _photo_name(self, shot: _Shot) -> str:
        return f"{shot.name}@{self._seed}"

    def _shots(self) -> Iterator[_Shot]:
        for medication in self._medications:
            for side in _SIDES:
                for lot in range(self._references_per_side):
                    yield _Shot(medication, side, None, lot)
                for pool in _POOLS:
                    for number in range(self._photos_per_side.get(pool, 0)):
                        yield _Shot(medication, side, pool, number)


def _use_one_thread() -> None:
    cv2.setNumThreads(1)


def _in_order(pool: ProcessPoolExecutor, batches: Iterator[list[_Shot]], *, seed: int, ahead: int) -> Iterator[Photo]:
    """Results in the order of the batches, with a bounded number under way."""
    under_way: deque[Future[list[Photo]]] = deque()
    try:
        for batch in batches:
            under_way.append(pool.submit(_draw_all, batch, seed=seed))
            if len(under_way) >= ahead:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()


def _draw_all(shots: Sequence[_Shot], *, seed: int) -> list[Photo]:
    return [_draw(shot, seed=seed) for shot in shots]


def _draw(shot: _Shot, *, seed: int) -> Photo:
    """Draw and encode one picture."""
    medication = shot.medication
    if shot.pool is None:
        drawn = render_reference(medication, side=shot.side, lot=shot.number)
    else:
        drawn = render_photo(medication, side=shot.side, seed=seed * 1_000_003 + shot.number, pool=shot.pool)
    name = f"{shot.name}@{seed}"
    return Photo(
        data=_encoded(drawn, with_mask=shot.pool is None),
        name=name,
        source=NAME,
        role="reference" if shot.pool is None else "consumer",
        medication_id=medication.medication_id,
        group=name,
        side=shot.side,
        lot=str(shot.number) if shot.pool is None else None,
        pool=shot.pool,
        conditions=drawn.conditions,
    )


def _encoded(drawn: RenderedPhoto, *, with_mask: bool) -> bytes:
    """JPEG at the photograph's quality; a reference picture is a PNG whose alpha is the mask."""
    buffer = io.BytesIO()
    if with_mask:
        picture = Image.fromarray(drawn.rgb_HWC)
        picture.putalpha(Image.fromarray(drawn.mask_HW.astype("uint8") * 255))
        picture.save(buffer, format="PNG", compress_level=3)
    else:
        Image.fromarray(drawn.rgb_HWC).save(buffer, format="JPEG", quality=int(drawn.conditions["jpeg_quality"]))
    return buffer.getvalue()
