"""Commands that change a release, where tokens are configured: without one that may, nothing is changed."""

from collections.abc import Callable

import pytest

from bentos.access.faults import AccessFault
from pipelines import line, trials


@pytest.mark.parametrize("command", [line.roll_back, trials.end, trials.go_on, trials.settled])
def test_a_release_is_not_changed_without_a_token_that_may(
    command: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RXVISION_ACCESS", "local")
    with pytest.raises(AccessFault, match="no_credentials"):
        command()
