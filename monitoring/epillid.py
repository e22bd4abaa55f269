"""The ePillID protocol on its directory layout: every pill type of the references, queries of one and two sides.

Source: Usuyama, Delgado, Hall, Lundin, "ePillID Dataset: A Low-Shot Fine-Grained Benchmark for Pill
Identification", CVPR Workshops 2020, and its public evaluation code (usuyama/ePillID-benchmark). A class is a
pill type. A query is a front and a back picture of one pill type out of the consumer pictures, every such pair
once; where the published folds lie beside the pictures, the last one, its holdout, is asked. The similarity of
a class is the largest over its reference pictures, and the mean over the query's two sides.

What differs from `benchmark`: pictures are already cut to the pill; every query has two sides there, mostly one
here (`one_side` asks each picture once); classes are pill types there, appearances and drugs here. `system` is
this project's answer: the log posterior of the pill type's appearance through the runtime, without typed text.
Pill types of one appearance cannot be told apart by it and are ordered by the encoders' cosine. `fast` and
`accurate` are the encoders alone, by cosine as in the published code. Pill types whose NDC the bundle's gallery
does not hold carry no facts (`num_without_facts`), so that the imprint reader can say nothing about them.

Shapes: Q queries, C classes (pill types), A appearances, V views, D embedding.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, product
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from bentos.runtime.decode import decode
from bentos.runtime.enrol import ReferencePicture, build_gallery
from bentos.runtime.errors import InputError
from bentos.runtime.evidence import SideObservation
from bentos.runtime.gallery import Gallery
from bentos.runtime.locate import locate
from bentos.runtime.medication import ImprintToken, Medication
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from data.photo import Photo, Unreadable
from data.sources.epillid import EPillIdSource
from data.sources.labelled import read_table
from monitoring.metrics import Figure, mean_figure
from monitoring.retrieval import average_precisions, global_average_precision

FOLDS: Final = "folds/pilltypeid_nih_sidelbls0.01_metric_5folds/base"
SYSTEM: Final = "system"
_COSINE_SHARE: Final = 1e-6
_LEAST_PROBABILITY: Final = 1e-300
Progress = Callable[[int, int], None]


class ProtocolError(Exception):
    """The directory cannot be asked: what is missing."""


@dataclass(frozen=True)
class Query:
    """One or two pictures of one pill type, and the number of its class."""

    sides: tuple[SideObservation, ...]
    truth: int


def benchmark_epillid(
    bundle: Path, directory: Path, *, now: str, seed: int = 0, on_progress: Progress = lambda done, total: None
) -> dict[str, Any]:
    """Enrol the references of an ePillID directory with the bundle's recogniser and ask its queries.

    MAP and MAP@1 have 95 % intervals over pill types; of GAP the value alone is given.

    Raises:
        ProtocolError: no reference or no query of two sides is there, or a picture cannot be read.
        LayoutError: `all_labels.csv` is missing or lacks a column.
        ContractError: the bundle is damaged.
    """
    recogniser = Recogniser.load(bundle / "recogniser")
    known = {item.ndc11: item for item in reversed(Gallery.load(bundle / "gallery").spec.medications)}
    pill_types = sorted({pill_type(photo) for photo in _photos(directory, role="reference")})
    if not pill_types:
        raise ProtocolError(f"{directory} holds no reference picture")
    medications = dict(zip(pill_types, _medications(pill_types, known), strict=True))
    predictor = _enrolled(directory, recogniser=recogniser, medications=medications, now=now)
    queries = _queries(directory, predictor=predictor, pill_types=pill_types)
    found = _asked(queries, predictor=predictor, classes=list(medications.values()), on_progress=on_progress)
    return {
        "protocol": "epillid",
        "num_pill_types": len(pill_types),
        "num_without_facts": sum(item.ndc11 not in known for item in medications.values()),
        "recogniser": recogniser.digest,
        "seed": seed,
        **{name: _figures(found[name], queries=asked, seed=seed) for name, asked in queries.items()},
    }


def pill_type(photo: Photo) -> str:
    """The `pilltype_id` of a picture."""
    return photo.group.partition("/")[2]


def holdout(directory: Path) -> frozenset[str] | None:
    """The `image_path`s of the last published fold, which the benchmark holds out; None where there are no folds."""
    folds = sorted(path for path in (directory / FOLDS).glob("*.csv") if not path.stem.endswith("all"))
    return frozenset(row["image_path"] for row in read_table(folds[-1], columns=("image_path",))) if folds else None


def _photos(directory: Path, *, role: Literal["consumer", "reference"]) -> Iterator[Photo]:
    for photo in EPillIdSource(directory, medications=()).photos(skip=lambda key: False):
        if isinstance(photo, Unreadable):
            raise ProtocolError(f"{photo.name}: {photo.reason}")
        if photo.role == role:
            yield photo


def _medications(pill_types: Sequence[str], known: Mapping[str, Medication]) -> Iterator[Medication]:
    """A medication for each pill type; several of one NDC are parts of it."""
    parts: dict[str, int] = {}
    for key in pill_types:
        ndc11 = key.partition("_")[0]
        parts[ndc11] = parts.get(ndc11, 0) + 1
        bare = Medication(ndc11=ndc11, generic_name=key, imprint=(ImprintToken(text=key),), colors=("WHITE",),
                          shape="ROUND", size_mm=8.0)  # fmt: skip
        yield known.get(ndc11, bare).model_copy(update={"part": parts[ndc11]})


def _decoded(photo: Photo) -> tuple[np.ndarray, np.ndarray]:
    """The picture (H, W, 3) and the pill in it (H, W); the whole picture where none stands out, as it is cut to one."""
    try:
        rgb_HWC = decode(photo.data).rgb_HWC
    except InputError as error:
        raise ProtocolError(f"{photo.name}: {error}") from error
    found = locate(rgb_HWC)
    return rgb_HWC, found[0].mask_HW if found else np.ones(rgb_HWC.shape[:2], bool)


def _enrolled(directory: Path, *, recogniser: Recogniser, medications: Mapping[str, Medication], now: str) -> Predictor:
    def references() -> Iterator[ReferencePicture]:
        for photo in _photos(directory, role="reference"):
            rgb_HWC, mask_HW = _decoded(photo)
            digest = "sha256:" + hashlib.sha256(photo.data).hexdigest()
            owner = medications[pill_type(photo)].medication_id
            yield ReferencePicture(owner, photo.side, rgb_HWC, mask_HW, digest, "epillid")

    with tempfile.TemporaryDirectory(prefix="rxvision-epillid-") as folder:
        build_gallery(recogniser, medications=list(medications.values()), references=references(), out=Path(folder),
                      name="epillid", now=now)  # fmt: skip
        return Predictor(recogniser, Gallery.load(Path(folder), recogniser=recogniser))


def _queries(directory: Path, *, predictor: Predictor, pill_types: Sequence[str]) -> dict[str, list[Query]]:
    """The queries of two sides, and each of their pictures by itself."""
    wanted, number = holdout(directory), {key: i for i, key in enumerate(pill_types)}
    seen: dict[str, dict[str, list[SideObservation]]] = {}
    for photo in _photos(directory, role="consumer"):
        if pill_type(photo) in number and (wanted is None or photo.name in wanted):
            rgb_HWC, mask_HW = _decoded(photo)
            located = locate(rgb_HWC, alpha_HW=mask_HW.astype(np.uint8) * 255)[0]
            sides = seen.setdefault(pill_type(photo), {"front": [], "back": []})
            sides[photo.side].append(predictor.observe_side(rgb_HWC, located))
    pairs = [Query(pair, number[key]) for key, of in seen.items() for pair in product(of["front"], of["back"])]
    if not pairs:
        raise ProtocolError(f"{directory} holds no pill type with a front and a back picture to ask")
    alone = [Query((side,), number[key]) for key, of in seen.items() for side in (*of["front"], *of["back"])]
    return {"two_sides": pairs, "one_side": alone}


def _asked(
    queries: Mapping[str, Sequence[Query]],
    *,
    predictor: Predictor,
    classes: Sequence[Medication],
    on_progress: Progress,
) -> dict[str, dict[str, np.ndarray]]:
    """Similarities (Q, C) of every kind of query by the system and by each encoder."""
    members, total = tuple(predictor.recogniser.members), sum(map(len, queries.values()))
    classifier, place = _Classes(predictor, classes), count(1)
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, asked in queries.items():
        rows = []
        for query in asked:
            rows.append(classifier.similarities(query))
            on_progress(next(place), total)
        found[name] = {key: np.stack([row[key] for row in rows]) for key in (SYSTEM, *members)}
    return found


class _Classes:
    """Similarities of a query to every pill type."""

    def __init__(self, predictor: Predictor, classes: Sequence[Medication]) -> None:
        self._predictor = predictor
        gallery, number = predictor.gallery, {item.medication_id: c for c, item in enumerate(classes)}
        class_V = np.array([number[view.medication_id] for view in gallery.spec.views])
        self._order_V = np.argsort(class_V, kind="stable")
        self._start_C = np.searchsorted(class_V[self._order_V], np.arange(len(classes)))
        appearance = {key: a for a, item in enumerate(gallery.appearances) for key in item.medication_ids}
        self._appearance_C = np.array([appearance[item.medication_id] for item in classes])

    def similarities(self, query: Query) -> dict[str, np.ndarray]:
        """(C,) by the system and by each encoder."""
        members = tuple(self._predictor.recogniser.members)
        cosines = {name: np.mean([self._cosine(side, name) for side in query.sides], axis=0) for name in members}
        log_probability_C = self._log_probability_A(query.sides)[self._appearance_C]
        return {SYSTEM: log_probability_C + _COSINE_SHARE * sum(cosines.values()), **cosines}

    def _cosine(self, side: SideObservation, member: str) -> np.ndarray:
        embedding_D = side.embedding(self._predictor.recogniser, member)
        cosine_V = self._predictor.gallery.prototypes[member] @ embedding_D
        return np.maximum.reduceat(cosine_V[self._order_V], self._start_C)

    def _log_probability_A(self, sides: Sequence[SideObservation]) -> np.ndarray:
        posterior = self._predictor.judge(sides).posterior
        first = int(posterior.probability_A.argmax())
        steps_A = (posterior.score_A - posterior.score_A[first]) / posterior.pattern.temperature
        return steps_A + np.log(max(posterior.probability_A[first], _LEAST_PROBABILITY))


def _figures(found: Mapping[str, np.ndarray], *, queries: Sequence[Query], seed: int) -> dict[str, Any]:
    truth_Q = np.array([query.truth for query in queries])

    def by(similarity_QC: np.ndarray) -> dict[str, dict]:
        means = {
            name: mean_figure(average_precisions(similarity_QC, truth_Q, k=k), groups_N=truth_Q.tolist(), seed=seed)
            for name, k in (("map", None), ("map_at_1", 1))
        }
        values = {
            name: Figure(global_average_precision(similarity_QC, truth_Q, k=k), None, None, len(queries))
            for name, k in (("gap", None), ("gap_at_1", 1))
        }
        return {name: figure.as_dict() for name, figure in (values | means).items()}

    return {"num_queries": len(queries), **{name: by(similarity_QC) for name, similarity_QC in found.items()}}
