"""How often the router asks the accurate member, and what that costs beside asking both always or the fast one alone.

The fast member is the committed one, so how often it is unsure is real (on rendered pills). The accurate member has
random weights and no weight in the fusion: its answers count for nothing, its time is real.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.plan import Plan
from benchmarks.recognisers import EMBEDDING_DIM, UNTRAINED, two_member_recogniser
from benchmarks.spread import spread
from benchmarks.subject import Subject, make_subject
from bentos.runtime.gallery import Gallery
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser

ROUTED, ALWAYS_BOTH, FAST_ALONE = "router", "both always", "fast alone"


def measure_router(subject: Subject, plan: Plan, *, say: Callable[[str], None]) -> dict[str, Any]:
    """CPU milliseconds per answer and the share of answers by route, for each way to choose members."""
    say("making a recogniser of two members")
    base, work = subject.bundle / "recogniser", subject.home / "networks"
    pair = two_member_recogniser(base, name=plan.router_accurate, pictures=subject.pictures, work=work)
    seen = make_subject(subject.home, recogniser=base, medications=plan.medications, pictures=plan.routed,
                        picture_px=plan.picture_px).pictures  # fmt: skip
    predictor = Predictor(Recogniser.load(pair), _with_accurate(Gallery.load(subject.bundle / "gallery")))
    router = predictor.recogniser.spec.router
    ways = {
        ROUTED: predictor,
        ALWAYS_BOTH: _with_router(predictor, hard_probability=1.0, escalate_uncertainty=0.0),
        FAST_ALONE: _with_router(predictor, hard_probability=1.0, escalate_uncertainty=1.0),
    }
    rows: dict[str, list[tuple[str, float]]] = {name: [] for name in ways}
    for picture in (seen[0], *seen):
        for name, way in ways.items():
            rows[name].append(_routed(way, picture))
    return {
        "accurate": UNTRAINED[plan.router_accurate].architecture,
        "escalate_uncertainty": router.escalate_uncertainty,
        "photographs": len(seen),
        "ways": {name: _summary(found[1:]) for name, found in rows.items()},
    }


def _with_accurate(gallery: Gallery) -> Gallery:
    """The gallery with prototypes for the accurate member, at random: it has no weight."""
    rows_VD = np.random.default_rng(0).normal(size=(len(gallery.spec.views), EMBEDDING_DIM)).astype(np.float32)
    accurate_VD = rows_VD / np.linalg.norm(rows_VD, axis=1, keepdims=True)
    return dataclasses.replace(gallery, prototypes={**gallery.prototypes, "accurate": accurate_VD})


def _with_router(predictor: Predictor, **changed: float) -> Predictor:
    """The same networks and gallery under another rule."""
    recogniser = predictor.recogniser
    router = recogniser.spec.router.model_copy(update=changed)
    spec = recogniser.spec.model_copy(update={"router": router})
    return Predictor(dataclasses.replace(recogniser, spec=spec), predictor.gallery)


def _routed(predictor: Predictor, picture: bytes) -> tuple[str, float]:
    """The route that was taken, and what the whole answer cost."""
    began = time.thread_time()
    pill = predictor.identify([picture]).pills[0]
    return pill.explanation.route, 1e3 * (time.thread_time() - began)


def _summary(found: list[tuple[str, float]]) -> dict[str, Any]:
    routes = [route for route, _ in found]
    return {
        "cpu_ms": spread([cost for _, cost in found]),
        "mean_cpu_ms": float(np.mean([cost for _, cost in found])),
        "routes": {route: routes.count(route) / len(routes) for route in sorted(set(routes))},
    }
