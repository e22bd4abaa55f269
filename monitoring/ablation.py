"""Ablations: how well the picture alone ranks the drug when single cues are left out of the fused score.

Nothing is fitted again: a cue that is left out has weight nought, so a figure shows what the cue adds to this
recogniser, not what another one could do without it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bentos.runtime.evidence import READ_AGAIN, READ_IMPRINT
from bentos.runtime.predictor import Predictor
from monitoring.gallery_sizes import Seen
from monitoring.levels import Levels
from monitoring.metrics import expected_hit, mean_figure

_FEATURES = frozenset({"color_histogram", "shape_ratio", "texture"})
_READ = frozenset({READ_IMPRINT, READ_AGAIN})


def variants(members: Sequence[str], *, has_reader: bool) -> dict[str, frozenset[str]]:
    """Name of each ablation -> the cues that it leaves out."""
    every = frozenset(members) | _FEATURES | (_READ if has_reader else frozenset())
    found = {"everything": frozenset()}
    if has_reader:
        found |= {"without the reader": _READ, "the reader alone": every - _READ}
    found |= {"without the encoders": frozenset(members), "the encoders alone": every - frozenset(members)}
    if len(members) > 1:
        found |= {f"without the {member} encoder": frozenset({member}) for member in members}
    words = {"color_histogram": "colour", "shape_ratio": "outline", "texture": "texture"}
    return found | {f"without {words[cue]}": frozenset({cue}) for cue in sorted(_FEATURES)}


def without(predictor: Predictor, cues: frozenset[str]) -> Predictor:
    """The same predictor with these cues at weight nought in every pattern."""
    spec = predictor.recogniser.spec
    patterns = {
        key: pattern.model_copy(update={"weights": {n: 0.0 if n in cues else w for n, w in pattern.weights.items()}})
        for key, pattern in spec.patterns.items()
    }
    other = object.__new__(type(predictor))
    changed = replace(predictor.recogniser, spec=spec.model_copy(update={"patterns": patterns}))
    other.__dict__.update(predictor.__dict__, recogniser=changed)
    return other


def ablate(
    predictor: Predictor,
    seen: Sequence[Seen],
    *,
    seed: int = 0,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Mapping[str, Any]]:
    """Drug top-1 and top-5 of every ablation, with their 95 % intervals, over photographs observed once."""
    levels = Levels(predictor.gallery.appearances, medications=predictor.gallery.medications)
    chosen = variants(tuple(predictor.recogniser.members), has_reader=predictor.recogniser.reader is not None)
    groups, found = [one.truth.ndc11 for one in seen], {}
    for done, (name, cues) in enumerate(chosen.items(), start=1):
        asked = without(predictor, cues)
        hits = [
            expected_hit([levels.drugs[key] for key, _ in asked.rank(one.observation)], truth=one.truth.drug)
            for one in seen
        ]
        found[name] = {
            top: mean_figure([getattr(hit, top) for hit in hits], groups_N=groups, seed=seed).as_dict()
            for top in ("top1", "top5")
        }
        on_progress(done, len(chosen))
    return found
