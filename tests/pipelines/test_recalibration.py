"""The command recalibrate: a site's photographs make a gated version with the same networks, or are too few."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bentos.bundle import open_champion
from bentos.runtime.predictor import Predictor
from bentos.settings import Settings
from bentos.signing import read_public_key
from monitoring.verdict import VerdictError, read_verdict
from pipelines.recalibration import PAGE_FILE, VERDICT_FILE, Outcome, promote_outcome, recalibrate_from
from tests.site_photos import drawn_bundle, drawn_catalogue, site_photos
from training.recalibrate import TooFewPhotographsError

ITEMS = drawn_catalogue()


def run(photos: Path, bundle: Path | None, settings: Settings, *, add_prototypes: bool = False) -> Outcome:
    return recalibrate_from(photos, name="Ward 7", bundle=bundle, add_prototypes=add_prototypes, seed=7,
                            settings=settings, console=Console(quiet=True))  # fmt: skip


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Far too sure of itself: every pattern sharpens its cues and lets any unknown pill pass."""
    return drawn_bundle(tmp_path_factory.mktemp("bundle"), items=ITEMS, temperature=0.3, bias=4.0)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site_photos(tmp_path_factory.mktemp("photos"), items=ITEMS)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def outcome(photos: Path, bundle: Path, settings: Settings) -> Outcome:
    return run(photos, bundle, settings)


def test_the_new_version_has_the_same_networks_and_prototypes_under_another_digest(
    outcome: Outcome, bundle: Path
) -> None:
    before, after = Predictor.from_bundle(bundle), Predictor.from_bundle(outcome.directory)
    assert after.recogniser.digest != before.recogniser.digest
    assert after.recogniser.spec.files == before.recogniser.spec.files
    assert all(np.array_equal(rows, before.gallery.prototypes[name]) for name, rows in after.gallery.prototypes.items())
    assert after.recogniser.spec.calibration_domain == "tests + Ward 7 (not yet shown there: 12 of 59 pills)"
    assert after.recogniser.spec.training_facts["recalibrated from"] == before.recogniser.digest


def test_it_is_judged_on_pills_it_was_not_fitted_on_and_says_in_words_what_changed(
    outcome: Outcome, bundle: Path, settings: Settings
) -> None:
    assert outcome.gates.passed, outcome.gates.failures
    verdict = read_verdict(outcome.directory / VERDICT_FILE, key=read_public_key(settings.public_key_path))
    assert verdict.passed
    assert verdict.recogniser == Predictor.from_bundle(outcome.directory).recogniser.digest
    assert verdict.champion == Predictor.from_bundle(bundle).recogniser.digest
    text = (outcome.directory / PAGE_FILE).read_text()
    assert "96 photographs of 24 different pills from Ward 7" in text
    assert "it takes 118 for sets of 95% coverage" in text


def test_confidence_comes_nearer_to_the_truth_and_unknown_pills_are_no_longer_named(outcome: Outcome) -> None:
    gates = {gate.name: gate for gate in outcome.gates.gates}
    brier = gates["Picture: stated confidence against the truth (Brier score)"]
    assert brier.measured < brier.champion
    unknown = gates["Pill not in the gallery: named all the same"]
    assert unknown.measured < unknown.champion


def test_the_photographs_become_views_with_their_provenance(photos: Path, bundle: Path, settings: Settings) -> None:
    gallery = Predictor.from_bundle(run(photos, bundle, settings, add_prototypes=True).directory).gallery
    added = [view for view in gallery.spec.views if view.source == "site Ward 7"]
    assert len(added) == 48
    assert {view.lot for view in added} == {"L0", "L1"}
    assert len({view.appearance_id for view in added}) == 12


def test_too_few_pills_are_refused_with_the_numbers_that_are_needed(
    tmp_path: Path, bundle: Path, settings: Settings
) -> None:
    few = site_photos(tmp_path / "few", items=ITEMS[:12], each=1)
    with pytest.raises(TooFewPhotographsError, match="show 6 different pills; at least 10 are needed, 20 in all"):
        run(few, bundle, settings)


def test_it_is_put_in_force_by_the_lock_of_any_promotion(photos: Path, bundle: Path) -> None:
    settings = Settings()
    outcome = run(photos, bundle, settings)
    spec = promote_outcome(outcome)
    assert settings.home / spec.champion.recogniser_dir == outcome.directory / "recogniser"
    answer = open_champion(settings).identify([next(photos.glob("*.jpg")).read_bytes()])
    assert "Ward 7" in answer.pills[0].prediction_set.domain
    (outcome.directory / VERDICT_FILE).unlink()
    with pytest.raises(VerdictError, match="no verdict"):
        promote_outcome(outcome)
