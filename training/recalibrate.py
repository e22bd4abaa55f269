"""Recalibration: a recogniser's fusion and thresholds refitted to a site's own photographs; its networks stay."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bentos.runtime.contract import PatternSpec, RecogniserSpec, View, spec_digest, write_spec
from bentos.runtime.enrol import embed_turned, feature_arrays, write_gallery
from bentos.runtime.errors import RuntimeFault
from bentos.runtime.gallery import Gallery
from bentos.runtime.predictor import Predictor
from training.calibrate import Split, Table, all_patterns
from training.calibration_config import CalibrationConfig
from training.examples import Observed, make_examples, observe_photos
from training.refit import Refitted, needs, refit_pattern

MIN_LOOKS = 10
_THRESHOLD = "set_threshold"


class TooFewPhotographsError(RuntimeFault):
    """The photographs show too few appearances to fit or judge anything; says how many are needed."""


@dataclass(frozen=True)
class Site:
    """Whose photographs they are, and when the recalibration is made (ISO 8601)."""

    name: str
    now: str


@dataclass(frozen=True)
class Recalibrated:
    """What was written: directories, and each pattern before and after. `num_added` counts new prototypes."""

    recogniser: Path
    gallery: Path
    before: dict[str, PatternSpec]
    after: dict[str, Refitted]
    num_added: int


def demand_enough(num_looks: int, *, part: str, config: CalibrationConfig) -> None:
    """Refuse where the photographs of one part (to fit, to judge) show fewer than `MIN_LOOKS` appearances.

    Raises:
        TooFewPhotographsError: with the numbers that each promise needs.
    """
    if num_looks < MIN_LOOKS:
        raise TooFewPhotographsError(
            f"the photographs {part} show {num_looks} different pills; at least {MIN_LOOKS} are needed, "
            f"{2 * MIN_LOOKS} in all, as half of them judge. {needs_in_words(config)}"
        )


def needs_in_words(config: CalibrationConfig) -> str:
    """How many different pills, of all that are sent, each promise takes."""
    wanted = {name: 2 * number for name, number in needs(config).items()}
    coverage, unknown, wrong = (
        f"{100 * share:g}%" for share in (config.promised_coverage, config.unknown_error, config.identified_error)
    )
    return (
        f"Of different pills it takes {wanted['set_threshold']} for sets of {coverage} coverage, "
        f"{wanted['unknown_threshold']} for unknown pills to pass at most {unknown} of the time, "
        f"{wanted['identified_uncertainty']} for `identified` to err at most {wrong} "
        f"(fewer where it errs never, more where it does), and {wanted['weights']} for other weights; with fewer, "
        f"the old values stay and are only made more careful."
    )


def recalibrate(
    predictor: Predictor,
    photos: pd.DataFrame,
    *,
    home: Path,
    site: Site,
    config: CalibrationConfig,
    out: Path,
    add_prototypes: bool,
    on_progress: Callable[[str, int, int | None], None],
) -> Recalibrated:
    """Refit every pattern to the photographs and write `out/recogniser` and `out/gallery`.

    `photos` are manifest rows (`path` relative to `home`) of medications in the predictor's gallery. New
    prototypes, where asked for, are made of the same photographs, after fitting: none was fitted against itself.

    Raises:
        TooFewPhotographsError: a pill is found on photographs of fewer than `MIN_LOOKS` appearances.
    """
    chosen = photos.sample(min(len(photos), config.max_photos), random_state=config.seed).sort_values("photo_id")
    observed = observe_photos(predictor, chosen, home=home,
                              on_photo=lambda done, total: on_progress("photographs", done, total))  # fmt: skip
    demand_enough(len({item.row["look_group"] for item in observed}), part="to fit on", config=config)
    after = refit_all(predictor, observed, config=config,
                      on_pattern=lambda done, total: on_progress("patterns", done, total))  # fmt: skip
    spec = _respecified(predictor.recogniser.spec, after, site=site, config=config)
    digest = _write_recogniser(predictor, spec, out / "recogniser")
    added = observed if add_prototypes else []
    _write_gallery(predictor, added, recogniser=digest, out=out / "gallery", site=site)
    return Recalibrated(out / "recogniser", out / "gallery", predictor.recogniser.spec.patterns, after, len(added))


def refit_all(
    predictor: Predictor,
    observed: Sequence[Observed],
    *,
    config: CalibrationConfig,
    on_pattern: Callable[[int, int], None],
) -> dict[str, Refitted]:
    """Every pattern of cues; where there is enough for weights, half of the appearances fit them, half the rest."""
    rng = np.random.default_rng(config.seed)
    looks = sorted({item.row["look_group"] for item in observed})
    first = set(looks[::2]) if len(looks) >= needs(config)["weights"] else set()
    settle = _split(predictor, [item for item in observed if item.row["look_group"] not in first], rng=rng)
    weigh = _split(predictor, [item for item in observed if item.row["look_group"] in first], rng=rng)
    patterns = [p for p in all_patterns(tuple(predictor.recogniser.members))
                if p.key in predictor.recogniser.spec.patterns]  # fmt: skip
    found = {}
    for done, pattern in enumerate(patterns, start=1):
        table = settle.of(pattern)
        found[pattern.key] = refit_pattern(predictor, pattern, weigh.of(pattern) if first else table, table,
                                           config=config)  # fmt: skip
        on_pattern(done, len(patterns))
    return found


def _split(predictor: Predictor, observed: Sequence[Observed], *, rng: np.random.Generator) -> Split:
    single, pairs = (
        Table(predictor, make_examples(observed, predictor, rng=rng, two_sided=two)) for two in (False, True)
    )
    return Split(single, pairs)


def _respecified(
    before: RecogniserSpec, after: dict[str, Refitted], *, site: Site, config: CalibrationConfig
) -> RecogniserSpec:
    return before.model_copy(
        update={
            "created_at": site.now,
            "patterns": before.patterns | {key: refitted.spec for key, refitted in after.items()},
            "calibration_domain": domain_in_words(before.calibration_domain, after, site=site, config=config),
            "training_facts": before.training_facts
            | {"recalibrated for": site.name, "recalibrated from": spec_digest(before)},
        }
    )


def domain_in_words(old: str, after: dict[str, Refitted], *, site: Site, config: CalibrationConfig) -> str:
    """For what the coverage is promised: the site where it was shown there, else what it was promised for before."""
    one = next(iter(after.values()))
    needed = needs(config)[_THRESHOLD]
    if _THRESHOLD not in one.own:
        return f"{old} + {site.name} (not yet shown there: {one.num_looks} of {needed} pills)"
    if all(_THRESHOLD in refitted.own for refitted in after.values()):
        return f"photographs of {site.name}"
    return f"photographs of {site.name}; two pictures of a pill: {old}"


def _write_recogniser(predictor: Predictor, spec: RecogniserSpec, out: Path) -> str:
    """The same files beside another record; returns its digest."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for name in spec.files:
        shutil.copyfile(predictor.recogniser.directory / name, out / name)
    return write_spec(out, spec)


def _write_gallery(predictor: Predictor, added: Sequence[Observed], *, recogniser: str, out: Path, site: Site) -> None:
    """The same prototypes under the new recogniser's name, and one more per photograph that is added."""
    gallery: Gallery = predictor.gallery
    sides = [item.side for item in added]
    prototypes, features = dict(gallery.prototypes), dict(gallery.features)
    if added:
        more = {name: np.stack(embed_turned(predictor.recogniser, name, sides)) for name in prototypes}
        prototypes = {name: np.concatenate([rows, more[name]]) for name, rows in prototypes.items()}
        measured = feature_arrays([side.features for side in sides])
        features = {name: np.concatenate([rows, measured[name]]) for name, rows in features.items()}
    rows = range(len(gallery.spec.views))
    pictures = [*map(gallery.picture, rows), *(None for _ in added)] if gallery.pictures else None
    write_gallery(out, recogniser=recogniser, medications=gallery.spec.medications, prototypes=prototypes,
                  views=[*gallery.spec.views, *(_view(item, site=site) for item in added)], features=features,
                  name=gallery.spec.name, now=site.now, pictures=pictures)  # fmt: skip


def _view(item: Observed, *, site: Site) -> View:
    row = item.row
    return View(
        appearance_id=row["appearance_id"],
        medication_id=row["medication_id"],
        side=row["side"],
        picture_digest=f"sha256:{row['photo_id']}",
        source=f"site {site.name}",
        lot=row["lot"] if isinstance(row["lot"], str) else None,
        taken_on=row["taken_on"] if isinstance(row["taken_on"], str) else None,
    )
