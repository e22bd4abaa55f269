"""One promoted home for every test that only reads it."""

import pytest

from tests.monitoring.evidence.home import EvidenceHome, promoted_home


@pytest.fixture(scope="session")
def promoted(tmp_path_factory: pytest.TempPathFactory) -> EvidenceHome:
    """Judged, bound, approved by two, promoted; not to be changed."""
    return promoted_home(tmp_path_factory.mktemp("evidence"))


@pytest.fixture(scope="session")
def archive(promoted: EvidenceHome) -> bytes:
    """Its evidence, packed."""
    return promoted.archive()
