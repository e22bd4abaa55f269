"""Small photographs for the tests of sources and ingest."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image

from data.photo import Photo, Unreadable

NOW = "2026-01-01T00:00:00+00:00"


def pill_on_table(seed: int, *, size_px: int = 200, rgb: tuple[int, int, int] = (235, 235, 230)) -> np.ndarray:
    """A white pill somewhere on a grained brown table, uint8 (S, S, 3); each seed is another photograph."""
    rng = np.random.default_rng(seed)
    grain = cv2.GaussianBlur(rng.normal(0, 40, (size_px, size_px)).astype(np.float32), (0, 0), 5)
    picture = np.clip(np.array([120, 80, 50]) + grain[..., None] * 3, 0, 255).astype(np.uint8)
    centre = tuple(int(value) for value in rng.integers(size_px // 3, 2 * size_px // 3, 2))
    cv2.circle(picture, centre, size_px // 5, rgb, -1, cv2.LINE_AA)
    return picture


def encoded(picture: np.ndarray, *, kind: str = "JPEG", **options) -> bytes:
    """The picture's bytes in a format of Pillow."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return buffer.getvalue()


def photo(name: str, *, data: bytes | None = None, **overrides) -> Photo:
    """A consumer photograph of the first medication, another picture for each name."""
    data = encoded(pill_on_table(sum(name.encode()))) if data is None else data
    label = {"source": "list", "role": "consumer", "medication_id": "00001-0001-01.1", "group": name, "side": "front"}
    return Photo(data=data, name=name, **{**label, **overrides})


@dataclass
class ListSource:
    """A source over a list; `breaks_after` ends it with an error, `read` notes what was really handed over."""

    items: list[Photo | Unreadable]
    name: str = "list"
    fingerprint: str = "list"
    breaks_after: int | None = None
    read: list[str] = field(default_factory=list)

    def photos(self, *, skip: Callable[[str], bool]) -> Iterator[Photo | Unreadable]:
        for number, item in enumerate(self.items):
            if number == self.breaks_after:
                raise ConnectionError("the disk is gone")
            if not skip(item.key):
                self.read.append(item.name)
                yield item
