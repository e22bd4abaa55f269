"""What a data scientist can change in the Launchpad: typed, closed, every default safe.

Descriptions of what a lower package's configuration already explains are taken from there.
"""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import BaseModel, Field

from training.calibration_config import CalibrationConfig
from training.config import MemberChoice, TrainConfig

if TYPE_CHECKING:
    from bentos.runtime.medication import Medication
    from data.photo import PhotoSource


def _as_in(model: type[BaseModel], name: str, **override: Any) -> Any:
    """A field with the default and the description that `model` gives it."""
    known = model.model_fields[name]
    return Field(**{"default": known.default, "description": known.description, **override})


class CatalogueSource(Enum):
    """Where medications come from."""

    FORMULARY = "formulary"
    NLM = "nlm"
    CSV = "csv"


class Profile(Enum):
    """The pair of networks."""

    DEMO = "demo"
    STANDARD = "standard"
    PRODUCTION = "production"


class CatalogueConfig(dg.Config):
    """Which medications are recognised."""

    source: CatalogueSource = Field(
        CatalogueSource.FORMULARY,
        description="formulary: the built-in one; nlm: an NLM/C3PI catalogue; csv: the columns of the formulary.",
    )
    path: str | None = Field(None, description="File of the catalogue, for nlm and csv; the formulary needs none.")

    def read(self) -> "list[Medication]":
        """The medications of the chosen catalogue; refuses a bad row with file, line and reason."""
        from data.catalogue.formulary import read_formulary
        from data.catalogue.nlm import read_nlm_catalogue
        from data.catalogue.plain import read_csv_catalogue

        readers = {
            CatalogueSource.FORMULARY: lambda _: read_formulary(),
            CatalogueSource.NLM: lambda path: list(read_nlm_catalogue(path).gallery_medications),
            CatalogueSource.CSV: read_csv_catalogue,
        }
        return readers[self.source](Path(self.path or ""))


class PhotographsConfig(dg.Config):
    """Which photographs are ingested. Raising a number renders or reads only what is new."""

    train_photos_per_side: int = Field(
        24, ge=0, le=2000, description="Rendered training photographs of each side; more learns better and slower."
    )
    test_photos_per_side: int = Field(
        6, ge=0, le=500, description="Rendered photographs with backgrounds and lights never trained on: the judges."
    )
    references_per_side: int = Field(
        2, ge=1, le=20, description="Rendered studio pictures of each side, one per lot: what a gallery is made of."
    )
    seed: int = Field(2025, ge=0, description="Another seed is another, equally valid, set of pictures.")
    workers: int = Field(2, ge=1, le=64, description="Processes that render and decode.")
    folder: str | None = Field(
        None, description="Directory with labels.csv (file, ndc11, background, side) of photographs to add."
    )
    epillid: str | None = Field(None, description="Directory of the ePillID data as published, to add.")
    nlm_challenge: str | None = Field(None, description="Directory of the NLM challenge data as published, to add.")
    rximage: str | None = Field(None, description="Directory of NLM RxIMAGE reference pictures, to add.")

    def sources(self, medications: "list[Medication]") -> "list[PhotoSource]":
        """The rendered photographs and every directory that is named."""
        from data.sources.epillid import EPillIdSource
        from data.sources.folder import FolderSource
        from data.sources.nlm_challenge import NlmChallengeSource
        from data.sources.rendered import RenderedSource
        from data.sources.rximage import RxImageSource

        rendered = RenderedSource(
            medications,
            photos_per_side={"train": self.train_photos_per_side, "test": self.test_photos_per_side},
            references_per_side=self.references_per_side,
            seed=self.seed,
            workers=self.workers,
        )
        named = {
            FolderSource: self.folder,
            EPillIdSource: self.epillid,
            NlmChallengeSource: self.nlm_challenge,
            RxImageSource: self.rximage,
        }
        return [rendered, *(kind(Path(path), medications=medications) for kind, path in named.items() if path)]


class SplitConfig(dg.Config):
    """How photographs are divided. Changing any of these changes the data set and so retrains."""

    seed: int = Field(2025, ge=0, description="Which appearances are held out.")
    unseen_share: float = Field(
        0.10, ge=0.05, le=0.5, description="Share of appearances kept out of all training: the pills of tomorrow."
    )
    fit_share: float = Field(
        0.15, ge=0.05, le=0.5, description="Share of appearances that only fusion and thresholds are fitted on."
    )


def _or_own(name: str, *, empty: int | float | str) -> Any:
    """A field of `MemberChoice` whose empty value keeps the profile's: the Launchpad shows no field without one."""
    described = MemberChoice.model_fields[name].description
    return Field(empty, description=f"{described}; {empty!r} keeps the profile's own")


class MemberConfig(dg.Config):
    """How one network is trained; what is left at 0 or empty is the profile's own value."""

    profile: Profile = _as_in(TrainConfig, "profile", default=Profile.DEMO)
    architecture: str = _or_own("architecture", empty="")
    size_px: int = _or_own("size_px", empty=0)
    epochs: int = _or_own("epochs", empty=0)
    batch_size: int = _or_own("batch_size", empty=0)
    learning_rate: float = _or_own("learning_rate", empty=0.0)
    initial_weights: str = _or_own("initial_weights", empty="")
    initial_weights_sha256: str = _or_own("initial_weights_sha256", empty="")
    external: str = _or_own("external", empty="")
    pretrained: bool = _as_in(TrainConfig, "pretrained")
    embedding_dim: int = _as_in(TrainConfig, "embedding_dim")
    weight_decay: float = _as_in(TrainConfig, "weight_decay")
    softmax_scale: float = _as_in(TrainConfig, "softmax_scale")
    softmax_margin: float = _as_in(TrainConfig, "softmax_margin")
    seed: int = _as_in(TrainConfig, "seed")

    def train_config(self, member: str) -> TrainConfig:
        """The training package's own configuration, checked there: bounds live with what they bound."""
        given = self.model_dump()
        choice = {name: given[name] or None for name in MemberChoice.model_fields}
        rest = {name: given[name] for name in TrainConfig.model_fields.keys() & given.keys()}
        return TrainConfig.model_validate(rest | {"profile": self.profile.value, member: choice})


class RecogniserConfig(dg.Config):
    """What the recogniser is put together from, and what its thresholds promise."""

    members: list[str] = Field(
        ["fast", "accurate"], description="One or both; with one member there is no disagreement to measure."
    )
    unknown_prior: float = _as_in(CalibrationConfig, "unknown_prior")
    promised_coverage: float = _as_in(CalibrationConfig, "promised_coverage")
    identified_error: float = _as_in(CalibrationConfig, "identified_error")
    largest_uncertainty: float = _as_in(CalibrationConfig, "largest_uncertainty")
    unknown_error: float = _as_in(CalibrationConfig, "unknown_error")
    escalate_uncertainty: float = _as_in(CalibrationConfig, "escalate_uncertainty")
    hard_probability: float = _as_in(CalibrationConfig, "hard_probability")
    read_imprints: bool = _as_in(CalibrationConfig, "read_imprints")
    half_turned: bool = _as_in(CalibrationConfig, "half_turned")
    max_photos: int = _as_in(CalibrationConfig, "max_photos")
    seed: int = _as_in(CalibrationConfig, "seed")

    def calibration(self) -> CalibrationConfig:
        """The calibration's own configuration, checked there."""
        return CalibrationConfig.model_validate(self.model_dump(exclude={"members"}))

    def chosen(self, members: Mapping[str, Any]) -> list[Any]:
        """Of the trained members, those that the recogniser is made of; `KeyError` on one that is not there."""
        return [members[name] for name in self.members]


class EvaluationConfig(dg.Config):
    """How thoroughly a candidate is judged."""

    max_photos: int = Field(
        0, ge=0, description="Judge on at most so many photographs, 0 on all; fewer widens every interval."
    )
    seed: int = Field(2025, ge=0, description="Typed imprints and removed medications are drawn with it.")


class DriftConfig(dg.Config):
    """Which traffic is compared with the training reference."""

    window_hours: int = Field(24, ge=1, le=24 * 90, description="Predictions of the last so many hours.")
    min_predictions: int = Field(200, ge=30, description="With fewer there is no verdict: noise would raise alarms.")
