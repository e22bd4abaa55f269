"""Real service processes under load: switches, a bad challenger, a bad champion; nobody who asks notices."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bentos.journal import Journal, Recorded
from bentos.release import ReleaseSpec
from bentos.settings import Settings
from tests.bentos.conftest import tiny_home
from tests.bentos.processes import free_port, running
from tests.bentos.rollout.making import failing_bundle, release_of, slow_bundle
from tests.builders import jpeg, pattern_spec, tiny_bundle, tiny_catalogue, tiny_picture

FRONT = jpeg(tiny_picture(tiny_catalogue()[1]))
CLIENTS = 3
TYPED = {"metadata": '{"imprint": "A2 TEST", "color": "RED"}'}


class Load:
    """Clients that ask without a pause; what came back is kept."""

    def __init__(self) -> None:
        self.replies: list[tuple[int, str, str]] = []

    def count(self, **wanted: str) -> int:
        keys = ("status", "variant", "version")
        return sum(all(reply[keys.index(k)] == v for k, v in wanted.items()) for reply in list(self.replies))

    @property
    def statuses(self) -> Counter:
        return Counter(status for status, *_ in self.replies)


@contextmanager
def loaded(client: httpx.Client, *, clients: int = CLIENTS) -> Iterator[Load]:
    """Steady load as long as the body runs."""
    load, done = Load(), threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=client.base_url, timeout=30) as own:
            while not done.is_set():
                reply = own.post("/api/v1/predict", files={"image": FRONT}, data=TYPED)
                release = reply.json().get("release", {})
                load.replies.append((reply.status_code, release.get("variant"), release.get("version")))

    asking = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in asking:
        thread.start()
    try:
        yield load
    finally:
        done.set()
        for thread in asking:
            thread.join()


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Settings:
    home = tiny_home(tmp_path_factory.mktemp("rolling") / "home", bundle=bundle)
    for fault in ("failing", "slow", "silent"):
        make_bad(home / fault, fault)
    return settings_of(home)


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[httpx.Client]:
    with running(settings) as client:
        yield client


def settings_of(home: Path, **facts: object) -> Settings:
    """Nobody is turned away by a slow machine, and the same photograph is worked on each time."""
    patient = {"latency_budget_s": 60, "degrade_share": 100, "cache_entries": 0}
    return Settings(home=home, port=free_port(), poll_s=0.2, packed_home=home / "none", **patient, **facts)


def decisions(settings: Settings, spec: ReleaseSpec) -> list[Recorded]:
    entries = Journal(settings.journal_url).entries(action="withdraw")
    return [entry for entry in entries if entry.payload["release"] == spec.release_id]


def wait_for(happened: Callable[[], object], *, timeout_s: float = 150) -> None:
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_recogniser_and_gallery_are_switched_under_load_in_two_workers_without_a_failed_request(
    tmp_path: Path, bundle: Path
) -> None:
    home = tiny_home(tmp_path / "home", bundle=bundle)
    tiny_bundle(home / "second", name="second")
    two = settings_of(home, workers=2)
    with running(two) as client, loaded(client) as load:
        wait_for(lambda: load.count(version="1") > 5)
        release_of(home, champion="second", previous=".")
        wait_for(lambda: _workers_on(two, "second") == 2)
        seen = load.count(version="1")
        wait_for(lambda: load.count(version="second") > 20)
        assert load.count(version="1") <= seen + CLIENTS
        release_of(home, champion=".", previous="second", challenger="second", challenger_share=0.3)
        wait_for(lambda: load.count(version="second", variant="challenger") > 5)
    assert set(load.statuses) == {200}


@pytest.mark.parametrize(("fault", "measure"), [("failing", "errors"), ("slow", "log_ms"), ("silent", "abstentions")])
def test_a_bad_challenger_under_load_is_rolled_back_by_itself(
    client: httpx.Client, settings: Settings, fault: str, measure: str
) -> None:
    with loaded(client) as load:
        spec = release_of(settings.home, challenger=fault, challenger_share=0.5)
        wait_for(lambda: decisions(settings, spec))
        wait_for(lambda: states(client).get("challenger") == "withdrawn")
        after = len(load.replies)
        wait_for(lambda: len(load.replies) > after + 40)
    assert set(load.statuses) == {200}
    assert sum(variant != "champion" for _, variant, _ in load.replies[after:]) <= CLIENTS  # those on their way
    (entry,) = decisions(settings, spec)
    assert (entry.actor, entry.payload["variant"], entry.subject_ref) == ("service", "challenger", fault)
    assert measure in {reason["measure"] for reason in entry.payload["reasons"]}


def test_a_bad_champion_right_after_a_switch_gives_way_to_the_one_before(
    client: httpx.Client, settings: Settings
) -> None:
    with loaded(client) as load:
        release_of(settings.home)
        wait_for(lambda: load.count(version="1") > 60)
        spec = release_of(settings.home, champion="silent", previous=".")
        wait_for(lambda: load.count(version="silent") > 5)
        wait_for(lambda: decisions(settings, spec))
        wait_for(lambda: states(client) == {"champion": "withdrawn", "previous": "fallback"})
        after = len(load.replies)
        wait_for(lambda: len(load.replies) > after + 10)
    assert set(load.statuses) == {200}
    assert sum(version != "1" for *_, version in load.replies[after:]) <= CLIENTS


def states(client: httpx.Client) -> dict[str, str]:
    return {line["variant"]: line["state"] for line in client.get("/api/v1/model").json()["variants"]}


def make_bad(directory: Path, fault: str) -> Path:
    """A bundle that always fails, takes a quarter of a second, or never says `identified`."""
    if fault == "failing":
        return failing_bundle(directory)
    if fault == "slow":
        return slow_bundle(directory, rounds=24)
    from training.calibrate import all_patterns

    never = {pattern.key: pattern_spec(identified_uncertainty=0.0) for pattern in all_patterns(("fast", "accurate"))}
    return tiny_bundle(directory, name="bad", patterns=never)


def _workers_on(settings: Settings, version: str) -> int:
    loads = Journal(settings.journal_url).entries(action="load_release")
    return sum(entry.payload["version"] == version for entry in loads)
