"""A gallery out of a stream of reference pictures: in its order, read little ahead, refused early."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bentos.runtime import enrol
from bentos.runtime.enrol import ReferencePicture, build_gallery
from bentos.runtime.errors import ContractError
from bentos.runtime.gallery import Gallery
from bentos.runtime.recogniser import Recogniser
from tests.builders import NOW, tiny_catalogue, tiny_recogniser, tiny_references


@pytest.fixture(scope="module")
def recogniser(tmp_path_factory: pytest.TempPathFactory) -> Recogniser:
    return tiny_recogniser(tmp_path_factory.mktemp("enrolling") / "recogniser")


class Stream:
    """Reference pictures with how many were taken off so far; every third one shows no pill."""

    def __init__(self, references: list[ReferencePicture]) -> None:
        self.taken, self._references = 0, references

    def __iter__(self) -> Iterator[ReferencePicture]:
        for number, reference in enumerate(self._references):
            self.taken += 1
            blank = np.full_like(reference.rgb_HWC, 128)
            yield replace(reference, rgb_HWC=blank, mask_HW=None) if number % 3 == 2 else reference


def named(times: int) -> list[ReferencePicture]:
    """All sides of the tiny catalogue several times over, each under a digest of its own."""
    return [replace(reference, picture_digest=f"{take}-{number}")
            for take in range(times) for number, reference in enumerate(tiny_references())]  # fmt: skip


def test_views_come_in_the_order_of_the_stream_without_those_that_show_no_pill(
    tmp_path: Path, recogniser: Recogniser
) -> None:
    references, told = named(5), []
    spec = build_gallery(recogniser, medications=tiny_catalogue(), references=Stream(references), out=tmp_path / "g",
                         name="g", now=NOW, on_view=told.append)  # fmt: skip
    expected = [reference.picture_digest for number, reference in enumerate(references) if number % 3 != 2]
    assert [view.picture_digest for view in spec.views] == expected
    assert told[-1] == len(expected)
    gallery = Gallery.load(tmp_path / "g")
    first, again = expected.index("0-0"), expected.index("3-0")
    np.testing.assert_array_equal(gallery.prototypes["fast"][first], gallery.prototypes["fast"][again])


def test_a_picture_of_no_known_medication_is_refused_before_the_stream_is_read_to_its_end(
    tmp_path: Path, recogniser: Recogniser
) -> None:
    references = named(20)
    references[1] = replace(references[1], medication_id="nobody")
    stream = Stream(references)
    with pytest.raises(ContractError, match="nobody"):
        build_gallery(
            recogniser, medications=tiny_catalogue(), references=stream, out=tmp_path / "g", name="g", now=NOW
        )
    assert stream.taken <= 2 * enrol._AHEAD < len(references)
