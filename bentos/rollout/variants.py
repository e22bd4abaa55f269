"""What one release puts to work: champion, challenger and shadow, opened once and shared where they can be."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from bentos.bundle import Opener, warmed
from bentos.release import Ref, ReleaseSpec
from bentos.rollout.assign import takes_challenger
from bentos.rollout.decisions import NO_DECISION, Standing
from bentos.runtime.errors import ContractError
from bentos.runtime.predictor import Predictor

Origin = Literal["release", "packed"]
Variant = Literal["champion", "challenger", "shadow"]


@dataclass(frozen=True)
class Serving:
    """What answers. A request keeps the one it began with, so a swap disturbs nobody."""

    predictor: Predictor
    ref: Ref
    origin: Origin
    variant: Variant = "champion"


@dataclass(frozen=True)
class Variants:
    """Everything in memory for one release. `left_out` says why a challenger or shadow that it names is not here."""

    spec: ReleaseSpec
    origin: Origin
    champion: Serving
    challenger: Serving | None = None
    shadow: Serving | None = None
    standing: Standing = NO_DECISION
    left_out: dict[str, str] = field(default_factory=dict)

    def choose(self, key: str) -> Serving:
        """Who answers the caller of this key."""
        if self.challenger is None or self.standing.paused:
            return self.champion
        mine = takes_challenger(key, experiment=self.experiment, share=self.spec.challenger_share)
        return self.challenger if mine else self.champion

    @property
    def experiment(self) -> str:
        """The pair compared, whatever else a release says of it."""
        pair = [ref for ref in (self.spec.champion, self.spec.challenger) if ref is not None]
        return "|".join(f"{ref.recogniser} {ref.gallery} {ref.version}" for ref in pair)

    def running(self) -> tuple[Serving, ...]:
        """Everything that is loaded."""
        return tuple(held for held in (self.champion, self.challenger, self.shadow) if held is not None)

    def loaded(self) -> dict[str, Serving]:
        """What is loaded by the name that the release has for it; a fallback is its `previous`."""
        found: dict[str, Serving] = {serving.variant: serving for serving in self.running()}
        if self.champion.ref != self.spec.champion:
            found["previous"] = found.pop("champion")
        return found

    def listed(self) -> list[dict[str, Any]]:
        """One line per variant the release names: role, state, share of the traffic, version and digests.

        `state` is serving, shadowing, paused, withdrawn, left_out, standby (the previous release) or fallback (the
        previous release answers in the champion's place).
        """
        return [
            {"variant": role, "state": self._state(role), "share": self._share(role), "version": ref.version,
             "recogniser": ref.recogniser, "gallery": ref.gallery}
            for role, ref in self.spec.named().items()
        ]  # fmt: skip

    def _state(self, role: str) -> str:
        if role == "previous":
            return "fallback" if self.champion.ref != self.spec.champion else "standby"
        if role in self.standing.withdrawn:
            return "withdrawn"
        if role == "champion":
            return "serving"
        if getattr(self, role) is None:
            return "left_out"
        return "paused" if self.standing.paused else "shadowing" if role == "shadow" else "serving"

    def _share(self, role: str) -> float:
        if role in ("shadow", "previous"):
            return float(self._state(role) == "fallback")
        running = self.challenger is not None and not self.standing.paused
        taken = self.spec.challenger_share if running else 0.0
        return taken if role == "challenger" else 0.0 if role in self.standing.withdrawn else 1 - taken


@dataclass(frozen=True)
class Turn:
    """Who answers one request. `unit` stands for the caller's session where one was named, as a pseudonym."""

    variants: Variants
    serving: Serving
    assigned: Variant
    unit: str | None

    @classmethod
    def of(cls, variants: Variants, *, request_id: str, unit: str | None) -> "Turn":
        """The turn of a caller: of a session always the same, else of the request."""
        serving = variants.choose(unit or request_id)
        return cls(variants, serving, serving.variant, unit)

    def instead(self) -> "Turn":
        """The champion answers what the challenger could not."""
        return replace(self, serving=self.variants.champion)

    @property
    def beside(self) -> Serving | None:
        """Who answers the same pictures once more, unseen: the shadow, or the champion behind the challenger."""
        if self.variants.standing.paused or self.assigned != self.serving.variant:
            return None
        return self.variants.champion if self.assigned == "challenger" else self.variants.shadow

    def facts(self) -> dict[str, str | None]:
        """What the journal keeps of it, beside version and variant."""
        return {"release": self.variants.spec.release_id, "assigned": self.assigned, "unit": self.unit}


def open_variants(
    spec: ReleaseSpec, *, home: Path, origin: Origin, standing: Standing = NO_DECISION, before: Variants | None = None
) -> Variants:
    """Open what the release names and the decisions about it allow; what `before` holds already is not opened again.

    A challenger or shadow that cannot be opened is left out: it must not take the champion with it. A packed release
    carries its champion only.

    Raises:
        ContractError: the champion, or the previous release in a withdrawn champion's place, cannot be opened.
    """
    opener = Opener(home=home, known=_predictors(before))
    champion = standing.champion_of(spec)
    held = {"champion": Serving(_warm(opener.open(champion, variant="champion"), before), champion, origin)}
    left_out: dict[str, str] = {}
    for role in ("challenger", "shadow") if origin == "release" else ():
        ref = getattr(spec, role)
        if ref is None or standing.ends(role):
            continue
        try:
            held[role] = Serving(_warm(opener.open(ref, variant=role), before), ref, origin, role)
        except (ContractError, OSError) as error:
            left_out[role] = str(error)
    return Variants(spec, origin, standing=standing, left_out=left_out, **held)


def _warm(predictor: Predictor, before: Variants | None) -> Predictor:
    known = any(predictor is held for held in _predictors(before).values())
    return predictor if known else warmed(predictor)


def _predictors(variants: Variants | None) -> dict[tuple[Ref, str], Predictor]:
    running = variants.running() if variants else ()
    return {(serving.ref, serving.variant): serving.predictor for serving in running}
