"""Calls of the lower packages with records and home put in: what the shells of models and evaluation have in common."""

import platform
import subprocess
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.configs import DriftConfig, EvaluationConfig, MemberConfig, RecogniserConfig
from assets.records import Catalogue, Dataset, MadeEvaluation, MadeRelease, Member, ReferenceFeatures, code_fingerprint
from assets.resources import Progress, Workspace
from bentos.release import directories
from bentos.runtime.contract import (
    GallerySpec,
    MemberName,
    RecogniserSpec,
    read_gallery_spec,
    read_recogniser_spec,
    spec_digest,
)

if TYPE_CHECKING:
    from bentos.journal import Recorded
    from monitoring.drift import DriftVerdict
    from monitoring.verdict import Verdict
    from training.member import Follows, MadeMember

# What a trained network depends on; calibration and assembly are not part of it.
TRAINING_CODE = (
    *(f"bentos.runtime.{name}" for name in ("decode", "locate", "preprocess")),
    *(
        f"training.{name}"
        for name in ("augment", "backbones", "batches", "dataset", "export", "external", "loop", "losses")
    ),
)
FITTING_CODE = ("bentos.runtime", "training", "data.references", "data.typed_text")
JUDGING_CODE = ("bentos.runtime", "monitoring", "data.typed_text")
NAME = "rxvision"


def trained(
    member: MemberName,
    config: MemberConfig,
    catalogue: Catalogue,
    dataset: Dataset,
    workspace: Workspace,
    follow: "Follows",
) -> "MadeMember":
    """The trained and exported member."""
    from training.member import make_member

    return make_member(
        config.train_config(member),
        member,
        dataset=workspace.table(dataset.path),
        medications=catalogue.medications,
        code=code_fingerprint(*TRAINING_CODE),
        home=workspace.root,
        follow=follow,
    )


def assembled(
    members: Sequence[Member],
    config: RecogniserConfig,
    catalogue: Catalogue,
    dataset: Dataset,
    features: ReferenceFeatures,
    workspace: Workspace,
    progress: Progress,
) -> tuple[Path, RecogniserSpec, str]:
    """The candidate's directory, record and digest."""
    from data.reference_features import features_by_medication
    from training.candidate import make_recogniser
    from training.recogniser import Facts

    rows = workspace.table(dataset.path)
    facts = Facts(
        name=NAME,
        profile=members[0].profile,
        now=workspace.now(),
        calibration_domain=" + ".join(sorted(rows.loc[rows["split"] == "calibrate", "source"].unique())),
        training_fingerprint=dataset.fingerprint,
        training_facts=training_facts(members) | {"reference features": features.fingerprint},
    )
    directory = make_recogniser(
        [workspace.path(member.directory) for member in members],
        dataset=rows,
        medications=catalogue.medications,
        config=config.calibration(),
        facts=facts,
        code=code_fingerprint(*FITTING_CODE),
        home=workspace.root,
        known_features=features_by_medication(workspace.table(features.path)),
        on_progress=progress.stages("recogniser"),
    )
    spec = read_recogniser_spec(directory)
    return directory, spec, spec_digest(spec)


def enrolled(
    recogniser: Path, catalogue: Catalogue, dataset: Dataset, workspace: Workspace, progress: Progress
) -> tuple[Path, GallerySpec, str]:
    """The gallery's directory, record and digest; its cues compare with the online store's features."""
    from data.galleries import make_gallery
    from data.reference_features import features_by_medication
    from feature_repo.store import ReferenceStore

    rows = workspace.table(dataset.path)
    step, total = progress.stage("gallery"), int((rows["role"] == "reference").sum())
    ids = [medication.medication_id for medication in catalogue.medications]
    directory = make_gallery(
        recogniser,
        manifest=rows,
        medications=catalogue.medications,
        home=workspace.root,
        name=NAME,
        now=workspace.now(),
        known_features=features_by_medication(ReferenceStore(workspace.root).online(ids)),
        on_view=lambda done: step(done, total),
    )
    spec = read_gallery_spec(directory)
    return directory, spec, spec_digest(spec)


def judged(
    recogniser: Path,
    gallery: Path,
    config: EvaluationConfig,
    dataset: Dataset,
    workspace: Workspace,
    progress: Progress,
) -> Path:
    """The directory of the evaluation."""
    from monitoring.judging import judge_bundle

    return judge_bundle(
        recogniser,
        gallery,
        dataset=workspace.table(dataset.path),
        home=workspace.root,
        key=f"{dataset.fingerprint}-{code_fingerprint(*JUDGING_CODE)}",
        seed=config.seed,
        max_photos=config.max_photos or None,
        on_progress=progress.stage("evaluation"),
    )


def champion_judged(
    candidate: MadeEvaluation,
    catalogue: Catalogue,
    dataset: Dataset,
    workspace: Workspace,
    progress: Progress,
) -> dict[str, Any] | None:
    """The evaluation of the champion on the candidate's photographs; None before the first release.

    The champion is enrolled with today's catalogue, so that both answer from the same medications.
    """
    from monitoring.judging import read_evaluation

    current = workspace.desk().current()
    if current is None:
        return None
    recogniser, _ = directories(current.champion, home=workspace.root)
    gallery, _, _ = enrolled(recogniser, catalogue, dataset, workspace, progress)
    config = EvaluationConfig(seed=candidate.seed, max_photos=candidate.max_photos)
    return read_evaluation(judged(recogniser, gallery, config, dataset, workspace, progress))


def training_facts(members: Sequence[Member]) -> dict[str, str]:
    """What an auditor asks of a trained model: members, commit, versions."""
    libraries = {name: version(name) for name in ("torch", "timm", "onnxruntime", "numpy", "opencv-python-headless")}
    trained = {f"{member.name} member": member.fingerprint for member in members}
    return {**trained, "commit": source_commit(), "python": platform.python_version(), **libraries}


def source_commit() -> str:
    """The commit of the sources, marked where they were changed since; `unknown` outside a checkout."""
    command = ["git", "-C", str(Path(__file__).resolve().parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return found.stdout.strip() or "unknown"


def reached(
    evaluation: MadeEvaluation,
    champion: dict[str, Any] | None,
    dataset: Dataset,
    bundle: tuple[Path, Path],
    workspace: Workspace,
    launched_by: str | None,
) -> "tuple[Verdict, Path]":
    """The verdict on an evaluation, and its signed file; report, cards and their statement lie beside the evaluation.

    `bundle` are the directories of recogniser and gallery; `launched_by` is who launched the run, where it says so.
    """
    from bentos.signing import signing_key
    from data.harm import Harm
    from monitoring.evidence.binding import Basis, bind
    from monitoring.evidence.changes import Specs
    from monitoring.evidence.provenance import this_code
    from monitoring.gates import judge
    from monitoring.judging import REPORT_FILE, read_evaluation
    from monitoring.pictures import Pictures
    from monitoring.policy import policy_named
    from monitoring.report import write_report
    from monitoring.verdict import reach_verdict, write_verdict

    directory, now, harm = workspace.path(evaluation.directory), workspace.now(), Harm()
    measured = read_evaluation(directory)
    other = None if champion is None or _same(champion, measured) else champion
    gates = judge(measured, champion=other, policy=policy_named(measured["about"]["profile"]), harm=harm)
    found = reach_verdict(measured, gates=gates, champion=other, at=now, launched_by=launched_by)
    rows, key = workspace.table(dataset.path), signing_key(workspace.settings().keys_dir)
    pictures = Pictures(rows, workspace.root)
    write_report(measured, gates=gates, facts=measured["about"]["training_facts"], harm=harm, at=now,
                 out=directory / REPORT_FILE, pictures=pictures)  # fmt: skip
    path = workspace.path(f"verdicts/{directory.name}.json")
    write_verdict(found, path, key=key)
    basis = Basis(rows, dataset.fingerprint, this_code(commit=source_commit()), launched_by, now)
    bind(directory, verdict=path, specs=Specs.read(*bundle), basis=basis, key=key)
    return found, path


def _same(champion: dict[str, Any], measured: dict[str, Any]) -> bool:
    """Whether the candidate is the champion itself: it is not held against itself."""
    return champion["about"]["recogniser"] == measured["about"]["recogniser"]


def packed(release: MadeRelease, workspace: Workspace) -> str:
    """The tag of the Bento of a release, built once."""
    from bentos.build import build_bento

    note = workspace.path(f"bentoml/built-{release.fingerprint}-{code_fingerprint('bentos')}")
    if note.is_file():
        return note.read_text()
    tag = build_bento(workspace.settings())
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(tag)
    return tag


def window_compared(
    since: datetime, now: str, config: DriftConfig, dataset: Dataset, workspace: Workspace
) -> "tuple[DriftVerdict, Path]":
    """The drift verdict on the predictions since a moment, and the directory of its report.

    Raises:
        LookupError: nothing was promoted yet, so there is nothing to drift from.
    """
    from bentos.privacy.journal_keys import open_journal
    from monitoring.drift import DriftPolicy, drift_report, journal_frame, reference_frame
    from monitoring.judging import RECORDS_FILE
    from monitoring.records import read_records

    journal = open_journal(workspace.settings())
    evaluation = _champion_evaluation(journal.entries(action="promote"))
    window = journal_frame(journal.entries(action="predict", since=since))
    journal.close()
    records = read_records(workspace.path(f"evaluations/{evaluation}/{RECORDS_FILE}"))
    reference = reference_frame(records, dataset=workspace.table(dataset.path))
    out = workspace.path(f"drift/{now.replace(':', '')}")
    return drift_report(window, reference, out=out, policy=DriftPolicy(min_rows=config.min_predictions)), out


def _champion_evaluation(promotions: "Sequence[Recorded]") -> str:
    if not promotions:
        raise LookupError("nothing was promoted yet: there is no reference to drift from")
    return promotions[-1].payload["evaluation"].removeprefix("sha256:")[:12]
