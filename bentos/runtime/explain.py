"""Why the first answer is first: shares in nats, one sentence, and the reference pictures that matched."""

from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import Final

from bentos.runtime.answer import Explanation, HeatMap, MatchedView
from bentos.runtime.decide import CUE_WORDS, Ruling, without_members
from bentos.runtime.evidence import Scorer, SideObservation
from bentos.runtime.gallery import Gallery
from bentos.runtime.look_alike import Neighbour, as_look_alike
from bentos.runtime.matched import matched_rows

TELLING_NATS: Final = 0.5
_NAMED_BESIDES: Final = {
    "fast": "the fast encoder",
    "accurate": "the accurate encoder",
    "texture": "the surface in the picture",
    "seen_color": "the colour that was seen",
    "seen_shape": "the shape that was seen",
    "seen_score": "the score line that was seen",
    "seen_marking": "print or relief as it was seen",
}
_MAX_NAME: Final = 70


def explain(
    ruling: Ruling,
    gallery: Gallery,
    *,
    warnings: Sequence[str],
    look_alikes: Sequence[Neighbour] = (),
    matched: tuple[MatchedView, ...] = (),
    heat_maps: tuple[HeatMap, ...] | None = None,
) -> Explanation:
    """Each cue's share for the first answer and against the runner-up, nats, with what else is to be known."""
    ranked = ruling.ranked()
    if not len(ranked):
        return Explanation(
            cues={}, against_runner_up={}, route=ruling.route, degraded=ruling.degraded, warnings=tuple(warnings)
        )
    shares = ruling.posterior.share_CA
    first, second = int(ranked[0]), runner_up(ruling, gallery)
    cues = {name: float(share_A[first]) for name, share_A in shares.items()}
    over = {name: share - (0.0 if second is None else float(shares[name][second])) for name, share in cues.items()}
    return Explanation(
        cues={name: round(share, 4) for name, share in cues.items()},
        against_runner_up={name: round(share, 4) for name, share in over.items()},
        base=round(ruling.posterior.pattern.bias, 4),
        runner_up=None if second is None else gallery.appearances[second].medication_ids[0],
        words=in_words(over, first=_name(gallery, first), second=None if second is None else _name(gallery, second)),
        route=ruling.route,
        degraded=ruling.degraded,
        warnings=tuple(warnings),
        look_alikes=tuple(map(as_look_alike, look_alikes)),
        matched=matched,
        heat_maps=heat_maps,
    )


def runner_up(ruling: Ruling, gallery: Gallery) -> int | None:
    """Number of the likeliest appearance of another drug than the first answer's; None where there is none."""
    drugs_A, (first, *others) = gallery.index.drugs_A, ruling.ranked()
    return next((int(a) for a in others if drugs_A[a] != drugs_A[first]), None)


def in_words(shares: Mapping[str, float], *, first: str, second: str | None = None) -> str:
    """One sentence: what speaks for the first answer, what for the second or, where there is none, against it."""
    named = {cue_words(name): share for name, share in without_members(shares).items()}
    ordered = sorted(named.items(), key=lambda item: -abs(item[1]))
    speaking_for = [words for words, share in ordered if share >= TELLING_NATS]
    against = [words for words, share in ordered if share <= -TELLING_NATS]
    rather = f"{first} rather than {second}" if second else first
    halves = [
        f"{_listed(speaking_for)} {_speak(speaking_for)} for {rather}" if speaking_for else "",
        f"{_listed(against)} {_speak(against)} {f'for {second}' if second else 'against it'}" if against else "",
    ]
    sentence = "; ".join(filter(None, halves)) or f"nothing clearly speaks for {rather}"
    return sentence[0].upper() + sentence[1:] + "."


def cue_words(name: str) -> str:
    """What a person calls a cue."""
    return CUE_WORDS.get(name) or _NAMED_BESIDES.get(name, name.replace("_", " "))


def matched_views(
    scorer: Scorer, gallery: Gallery, ruling: Ruling, sides: Sequence[SideObservation]
) -> tuple[MatchedView, ...]:
    """For each photograph the reference picture of the first answer that the score was taken from."""
    if not gallery.num_active:
        return ()
    rows = matched_rows(scorer, gallery, sides, members=ruling.members(), appearance=ruling.first())
    views = [gallery.spec.views[row] for row in rows]
    return tuple(
        MatchedView(picture=i, medication_id=v.medication_id, side=v.side, picture_digest=v.picture_digest)
        for i, v in enumerate(views)
    )


def _name(gallery: Gallery, a: int) -> str:
    medication = gallery.medications[gallery.appearances[a].medication_ids[0]]
    return f"{shorten(medication.display_name, _MAX_NAME, placeholder=' ...')} ({medication.ndc11})"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _speak(words: Sequence[str]) -> str:
    return "speaks" if len(words) == 1 else "speak"
