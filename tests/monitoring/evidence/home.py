"""A home in which one bundle was judged, bound, approved, refused once, promoted and covered by a checkpoint."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from bentos.audit.checkpoints import AUDIT_DIR, CHECKPOINTS_FILE, Checkpointer, audit_key
from bentos.audit.sealed import NO_KEYS, Keyring
from bentos.evidence.approvals import ApprovalError
from bentos.runtime.contract import spec_digest
from bentos.signing import signing_key
from monitoring.evidence.archive import Bundle, Sources, pack
from monitoring.evidence.binding import Basis, bind
from monitoring.evidence.changes import Specs
from monitoring.evidence.provenance import this_code
from monitoring.judging import REPORT_FILE
from monitoring.promote import ReleaseDesk, record_verdict
from monitoring.report import write_report
from monitoring.verdict import read_verdict
from tests.builders import NOW, tiny_bundle, tiny_catalogue
from tests.monitoring.desk import LATER, a_desk, bundle
from tests.monitoring.evidence.making import SCIENTIST, approved_by, judged, measured, put_in_force, with_rules
from tests.monitoring.making import FlatHarm, about


@dataclass(frozen=True)
class EvidenceHome:
    """Where everything lies, and the bundle in it."""

    desk: ReleaseDesk
    folder: str
    verdict: Path
    evaluation: Path

    @property
    def specs(self) -> Specs:
        return Specs.read(self.desk.home / self.folder / "recogniser", self.desk.home / self.folder / "gallery")

    @property
    def bundle(self) -> Bundle:
        return Bundle(self.specs, self.verdict)

    def sources(self) -> Sources:
        key, journal = audit_key(self.desk.keys_dir), self.desk.journal()
        directory = self.desk.home / AUDIT_DIR
        Checkpointer(directory, key=key, links=journal.links, size=journal.size).catch_up(datetime.now(UTC))
        found = Sources(
            home=self.desk.home, release_path=self.desk.release_path, rules_path=self.desk.rules_path,
            release_key=signing_key(self.desk.keys_dir), audit_key=key.public_key(),
            checkpoints=directory / CHECKPOINTS_FILE, links=list(journal.links()), entries=journal.entries(),
            journal_keys=self.desk.journal_keys,
        )  # fmt: skip
        journal.close()
        return found

    def archive(self) -> bytes:
        return pack(self.bundle, self.sources(), at=LATER)


def dataset_rows(num: int = 12) -> pd.DataFrame:
    """What a data set would hold about the tiny catalogue."""
    rows = [
        {"photo_id": f"{i:064x}", "medication_id": item.medication_id, "source": "rendered", "side": "front",
         "role": "reference" if i % 3 == 0 else "consumer", "split": ("train", "calibrate", "test")[i % 3],
         "cond_background": "wood" if i % 2 else "cloth", "cond_light": "daylight", "cond_blur": "sharp",
         "duplicate_of": None}
        for i, item in ((i, tiny_catalogue()[i % 4]) for i in range(num))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def judged_home(home: Path, *, needed: int = 2, folder: str = "two", journal_keys: Keyring = NO_KEYS) -> EvidenceHome:
    """A first champion, and a second bundle judged against it, its documents bound; nothing approved yet."""
    desk = a_desk(home, journal_keys=journal_keys)
    bundle(desk, "one")
    put_in_force(desk, "one", verdict=judged(desk, "one"), version="1")
    strict = with_rules(desk, needed=needed)
    tiny_bundle(home / folder, name="other", unknown_prior=0.2, training_facts={"commit": "abc1234", "python": "3.11"})
    specs = Specs.read(home / folder / "recogniser", home / folder / "gallery")
    digests = about(recogniser=spec_digest(specs.recogniser), gallery=spec_digest(specs.gallery))
    found = measured(picture_top1=0.91, **{name: digests[name] for name in ("recogniser", "gallery")})
    verdict = judged(desk, folder, measured=found, champion=measured(picture_top1=0.9, recogniser="sha256:" + "0" * 64))
    reached = read_verdict(verdict, key=signing_key(desk.keys_dir).public_key())
    directory = home / "evaluations" / reached.evaluation[7:19]
    (directory / "records.jsonl").write_text('{"photo": "p"}\n')
    write_report(found, gates=reached.gates, facts={},
                 harm=FlatHarm(), at=NOW, out=directory / REPORT_FILE)  # fmt: skip
    basis = Basis(dataset_rows(), "f" * 12, this_code(commit="abc1234"), SCIENTIST, NOW)
    bind(directory, verdict=verdict, specs=specs, basis=basis, key=signing_key(desk.keys_dir))
    record_verdict(strict, reached, version="2")
    return EvidenceHome(strict, folder, verdict, directory)


def promoted_home(home: Path, *, journal_keys: Keyring = NO_KEYS) -> EvidenceHome:
    """As `judged_home`, then promoted: refused while one approval was missing, put in force with two."""
    made = judged_home(home, journal_keys=journal_keys)
    approved_by(made.desk, "anna", made.folder, verdict=made.verdict, now=LATER)
    with pytest.raises(ApprovalError):
        put_in_force(made.desk, made.folder, verdict=made.verdict, version="2", now=LATER)
    approved_by(made.desk, "cora", made.folder, verdict=made.verdict, now=LATER, reason="the report & card were <read>")
    put_in_force(made.desk, made.folder, verdict=made.verdict, version="2", now=LATER)
    return made
