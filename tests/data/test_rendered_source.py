"""The rendered source: streams labelled pictures, the same ones from any number of processes."""

import io

import numpy as np
from PIL import Image

from bentos.runtime.decode import decode
from data.photo import Photo
from data.sources.rendered import RenderedSource
from tests.builders import medication


def source(**overrides) -> RenderedSource:
    options = {"photos_per_side": {"train": 2, "test": 1}, "references_per_side": 1, "seed": 5, "workers": 1}
    return RenderedSource([medication(1), medication(2)], **{**options, **overrides})


def everything(item: RenderedSource) -> list[Photo]:
    return list(item.photos(skip=lambda key: False))


def test_pictures_come_labelled_with_side_pool_lot_and_conditions() -> None:
    photos = everything(source())
    assert len(photos) == source().num_photos == 2 * 2 * 4
    assert len({photo.name for photo in photos}) == len({photo.group for photo in photos}) == len(photos)
    taken = [(photo.role, photo.pool, photo.lot, photo.side) for photo in photos[:4]]
    assert taken == [
        ("reference", None, "0", "front"),
        ("consumer", "train", None, "front"),
        ("consumer", "train", None, "front"),
        ("consumer", "test", None, "front"),
    ]
    assert all({"background", "light", "blur"} <= set(photo.conditions) for photo in photos)


def test_photographs_are_jpeg_and_references_carry_their_mask() -> None:
    photos = everything(source())
    consumer = Image.open(io.BytesIO(photos[1].data))
    assert (consumer.format, consumer.size) == ("JPEG", (224, 224))
    reference = decode(photos[0].data)
    assert reference.format == "PNG"
    assert 0.1 < np.mean(reference.alpha_HW > 0) < 0.9


def test_worker_processes_draw_the_same_bytes_in_the_same_order() -> None:
    assert [photo.data for photo in everything(source(workers=2))] == [photo.data for photo in everything(source())]


def test_what_is_known_is_not_drawn_again() -> None:
    known = {photo.key for photo in everything(source())}
    more = source(photos_per_side={"train": 3, "test": 1})
    new = list(more.photos(skip=known.__contains__))
    assert len(new) == 2 * 2
    assert {photo.pool for photo in new} == {"train"}


def test_a_reader_that_stops_early_leaves_no_process_waiting() -> None:
    stream = source(workers=2).photos(skip=lambda key: False)
    assert next(stream).role == "reference"
    stream.close()


def test_the_fingerprint_changes_with_whatever_changes_the_pictures() -> None:
    prints = [
        source().fingerprint,
        source(seed=6).fingerprint,
        source(references_per_side=2).fingerprint,
        RenderedSource(
            [medication(1)], photos_per_side={"train": 2, "test": 1}, references_per_side=1, seed=5, workers=1
        ).fingerprint,
    ]
    assert len(set(prints)) == len(prints)
    assert source(workers=2).fingerprint == source().fingerprint
