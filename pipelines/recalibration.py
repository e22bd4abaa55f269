"""The command `recalibrate`: a site's photographs, whose recogniser, what comes of it, and its promotion."""

import getpass
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from assets.assembly import source_commit
from bentos.bundle import current_release
from bentos.release import ReleaseSpec, directories
from bentos.runtime.contract import read_recogniser_spec, spec_digest
from bentos.runtime.gallery import Gallery
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from bentos.settings import Settings
from bentos.signing import signing_key
from data.harm import Harm
from data.site import FIT, JUDGE, SITE_ROLE, SitePhotos, read_site_photos
from monitoring.evaluate import evaluate
from monitoring.evidence.binding import Basis, bind
from monitoring.evidence.changes import Specs
from monitoring.evidence.provenance import this_code
from monitoring.gates import Gates
from monitoring.judging import keep_evaluation
from monitoring.recalibration import Comparison, changes, judge_recalibration, page
from monitoring.verdict import reach_verdict, write_verdict
from pipelines.showing import CommandFault
from training.calibration_config import CalibrationConfig
from training.recalibrate import Recalibrated, Site, demand_enough, needs_in_words, recalibrate
from training.refit import needs

if TYPE_CHECKING:
    from assets.registry import Registry
    from assets.resources import MlflowTracker

VERDICT_FILE, PAGE_FILE = "verdict.json", "recalibration.md"
_PARTS = {
    "set_threshold": "the sets' threshold",
    "unknown_threshold": "the score below which a pill may be unknown",
    "identified_uncertainty": "the uncertainty up to which it is `identified`",
    "weights": "the cues' weights",
}


@dataclass(frozen=True)
class Outcome:
    """A recalibration in `directory`, with its gates and what changed, in words."""

    directory: Path
    gates: Gates
    story: list[str]
    rows: list[tuple[str, str, str]]

    def table(self) -> Table:
        """What a person wants to know of it."""
        table = Table("on photographs that nothing was fitted on", "before", "after", title="\n".join(self.story),
                      title_justify="left")  # fmt: skip
        for row in self.rows:
            table.add_row(*row)
        for gate in self.gates.failures:
            table.add_row(
                f"gate FAILED: {gate.name}", str(gate.champion), f"{gate.measured} ({gate.kind} {gate.limit})"
            )
        if self.gates.passed:
            table.add_row("gates", "", f"all {len(self.gates.gates)} passed")
        return table


def recalibrate_from(
    photos: Path,
    *,
    name: str,
    bundle: Path | None,
    add_prototypes: bool,
    seed: int,
    settings: Settings,
    console: Console,
) -> Outcome:
    """Recalibrate a bundle, or the champion, on labelled photographs; everything lands below the home.

    Raises:
        CommandFault: there is no recogniser to start from.
        TooFewPhotographsError: with how many are needed.
        LayoutError: the photographs' directory is not in the folder layout.
    """
    before = _starting_point(bundle, settings)
    root = settings.home.resolve() / "recalibrations"
    work = root / f".{_slug(name)}"
    shutil.rmtree(work, ignore_errors=True)
    config, site = CalibrationConfig(seed=seed), Site(name, datetime.now(UTC).isoformat(timespec="seconds"))
    with Progress(console=console) as display:
        show = _Stages(display)
        medications = list(before.gallery.medications.values())
        read = read_site_photos(photos, medications=medications, home=work, now=site.now, seed=seed,
                                on_progress=lambda done, total: show("reading", done, total))  # fmt: skip
        for split, part in ((FIT, "to fit on"), (JUDGE, "to judge with")):
            demand_enough(read.looks(split), part=part, config=config)
        made = recalibrate(before, read.rows[read.rows["split"] == FIT], home=work, site=site, config=config, out=work,
                           add_prototypes=add_prototypes, on_progress=show)  # fmt: skip
        found = _compared(before, made, read, home=work, seed=seed, show=show)
    return _kept(found, made, read, site=site, config=config, settings=settings)


def promote_outcome(outcome: Outcome) -> ReleaseSpec:
    """Register the recalibrated recogniser and put it in force, by the same lock as any other.

    Raises:
        VerdictError: it did not pass its gates.
        GalleryRefusedError: its gallery fails the gallery's gate.
    """
    from assets.registry import Registry
    from assets.resources import MlflowTracker, Workspace
    from bentos.access.person import prove
    from bentos.access.table import Scope
    from monitoring.promote import promote
    from monitoring.verdict import demand
    from pipelines.environments import Environment, prepare

    environment = Environment()
    prepare(environment)
    workspace = Workspace(home=str(environment.root))
    recogniser, verdict = outcome.directory / "recogniser", outcome.directory / VERDICT_FILE
    digest = spec_digest(read_recogniser_spec(recogniser))
    demand(workspace.verdict(workspace.relative(verdict)), recogniser=digest)
    actor = prove(workspace.settings(), scope=Scope.PROMOTE, command="recalibrate")
    tracker = MlflowTracker(tracking_uri=environment.mlflow_uri, artifact_root=environment.mlflow_artifacts)
    registry = Registry(tracking_uri=environment.mlflow_uri)
    version = _registered(recogniser, digest=digest, tracker=tracker, registry=registry)
    spec = promote(workspace.desk(actor=actor), recogniser=recogniser,
                   gallery=outcome.directory / "gallery", verdict=verdict, version=version,
                   now=workspace.now())  # fmt: skip
    registry.follow_release(spec)
    return spec


def _registered(recogniser: Path, *, digest: str, tracker: "MlflowTracker", registry: "Registry") -> str:
    import mlflow

    with mlflow.start_run(experiment_id=tracker.experiment_id(), run_name="recalibration") as run:
        return registry.register(recogniser, digest=digest, run_id=run.info.run_id)


def _starting_point(bundle: Path | None, settings: Settings) -> Predictor:
    if bundle is not None:
        return Predictor.from_bundle(bundle)
    try:
        recogniser, gallery = directories(current_release(settings).champion, home=settings.home)
    except FileNotFoundError as error:
        raise CommandFault("nothing is released yet; name a --bundle, or run `rxvision run` first") from error
    loaded = Recogniser.load(recogniser)
    return Predictor(loaded, Gallery.load(gallery, recogniser=loaded))


def _compared(
    before: Predictor, made: Recalibrated, read: SitePhotos, *, home: Path, seed: int, show: "_Stages"
) -> Comparison:
    judged = read.rows[read.rows["split"] == JUDGE]
    loaded = Recogniser.load(made.recogniser)
    after = Predictor(loaded, Gallery.load(made.gallery, recogniser=loaded))
    roles = {appearance.appearance_id: SITE_ROLE for appearance in before.gallery.appearances}
    evaluations = [
        evaluate(predictor, judged, home=home, appearance_roles=roles, seed=seed,
                 on_progress=lambda done, total, name=name: show(f"judging {name}", done, total))
        for name, predictor in (("before", before), ("after", after))
    ]  # fmt: skip
    return Comparison(*evaluations)


def _kept(
    found: Comparison,
    made: Recalibrated,
    read: SitePhotos,
    *,
    site: Site,
    config: CalibrationConfig,
    settings: Settings,
) -> Outcome:
    """Judge, sign, and move everything to the name of the recogniser's digest."""
    shown = "set_threshold" in next(iter(made.after.values())).own
    gates = judge_recalibration(found, coverage_shown=shown, harm=Harm())
    digest = spec_digest(read_recogniser_spec(made.recogniser))
    story, rows = _story(made, read, site=site, config=config), changes(found)
    launched_by = f"person:{getpass.getuser()}"
    verdict = reach_verdict(found.after.metrics, gates=gates, champion=found.before.metrics, at=site.now,
                            launched_by=launched_by)  # fmt: skip
    work, key = made.recogniser.parent, signing_key(settings.keys_dir)
    write_verdict(verdict, work / VERDICT_FILE, key=key)
    title = f"Recalibration for {site.name}, {site.now[:10]}"
    (work / PAGE_FILE).write_text(page(title, story=story, rows=rows, gates=gates.gates), encoding="utf-8")
    keep_evaluation(found.before, settings.home / "evaluations")
    kept = keep_evaluation(found.after, settings.home / "evaluations")
    shutil.copy(work / PAGE_FILE, kept)
    basis = Basis(read.rows, digest, this_code(commit=source_commit()), launched_by, site.now)
    bind(kept, verdict=work / VERDICT_FILE, specs=Specs.read(made.recogniser, made.gallery), basis=basis, key=key)
    target = work.parent / f"{_slug(site.name)}-{digest[7:19]}"
    shutil.rmtree(target, ignore_errors=True)
    shutil.move(work, target)
    return Outcome(target, gates, story, rows)


def _story(made: Recalibrated, read: SitePhotos, *, site: Site, config: CalibrationConfig) -> list[str]:
    """What was sent, what was refitted and what not yet, and what more would take; a sentence each."""
    num, sent = len(read.rows), read.looks(FIT) + read.looks(JUDGE)
    left_out = "; ".join(f"{number} {why}" for why, number in read.left_out.items())
    story = [f"{num} photographs of {sent} different pills from {site.name}, half of the pills to fit on, half to "
             f"judge with{f' (left out: {left_out})' if left_out else ''}."]  # fmt: skip
    wanted, looks = needs(config), read.looks(FIT)
    num_patterns, fitted = len(made.after), sum(refitted.num_looks > 0 for refitted in made.after.values())
    story.append(f"How sure an answer is was fitted anew for {fitted} of {num_patterns} patterns of cues, held to the "
                 "old values the more, the fewer photographs there are. The networks were not touched.")  # fmt: skip
    for part, words in _PARTS.items():
        number = sum(part in refitted.own for refitted in made.after.values())
        kept = f"the old one stays, or a more careful one ({looks} of {wanted[part]} pills)"
        anew = f"the site's own for {number} of {num_patterns} patterns"
        story.append(f"{words[0].upper()}{words[1:]}: {anew if number else kept}.")
    story.append(f"Prototypes added: {made.num_added}.")
    return [*story, needs_in_words(config)]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-") or "site"


class _Stages:
    """A bar per stage, made as the stages appear."""

    def __init__(self, display: Progress) -> None:
        self._display = display
        self._tasks: dict = {}

    def __call__(self, name: str, done: int, total: int | None) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._display.add_task(name, total=total)
        self._display.update(self._tasks[name], completed=done, total=total)
