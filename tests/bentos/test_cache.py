"""Answers are found again by what they depend on, in the process or in a real Redis; a lost Redis costs no answer."""

import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY

from bentos.answering import Answering
from bentos.cache import AnswerCache, Kept, LocalStore, RedisStore
from bentos.journal import Journal, input_hmac
from bentos.metrics import metrics
from bentos.observed import Observed
from bentos.release import Ref
from bentos.rest import create_app
from bentos.runtime.answer import PillMetadata
from bentos.runtime.predictor import Predictor
from bentos.settings import Settings
from tests.bentos.conftest import release
from tests.bentos.processes import free_port, redis_server, wait_for
from tests.builders import jpeg, tiny_catalogue, tiny_picture

PICTURE = jpeg(tiny_picture(tiny_catalogue()[1]))
OTHER = jpeg(tiny_picture(tiny_catalogue()[2]))
PICTURE_HMAC, OTHER_HMAC = (input_hmac([picture], key=b"key") for picture in (PICTURE, OTHER))
REF = Ref(
    recogniser="sha256:" + "a" * 64, recogniser_dir="r", gallery="sha256:" + "b" * 64, gallery_dir="g", version="1"
)


@pytest.fixture(scope="module")
def kept(bundle: Path) -> Kept:
    return Kept(answer=Predictor.from_bundle(bundle).identify([PICTURE]), payload={"num_pictures": 1})


@pytest.fixture(scope="module")
def redis_port() -> Iterator[int]:
    port = free_port()
    with redis_server(port):
        yield port


def local(**overrides: object) -> LocalStore:
    return LocalStore(**{"max_entries": 2, "ttl_s": 60.0, **overrides})


def cache_of(store: LocalStore | RedisStore, *, key: bytes = b"key") -> AnswerCache:
    return AnswerCache(store, key=key, metrics=metrics())


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("rxvision_cache_total", {"outcome": outcome}) or 0.0


def test_a_name_changes_with_everything_that_an_answer_depends_on() -> None:
    cache = cache_of(local())
    typed = PillMetadata(imprint="A1")
    names = [
        cache.name(PICTURE_HMAC, metadata=None, ref=REF),
        cache.name(OTHER_HMAC, metadata=None, ref=REF),
        cache.name(input_hmac([PICTURE, OTHER], key=b"key"), metadata=None, ref=REF),
        cache.name(PICTURE_HMAC, metadata=typed, ref=REF),
        cache.name(PICTURE_HMAC, metadata=None, ref=REF.model_copy(update={"gallery": "sha256:" + "c" * 64})),
        cache.name(PICTURE_HMAC, metadata=None, ref=REF.model_copy(update={"recogniser": "sha256:" + "c" * 64})),
        cache_of(local(), key=b"another").name(PICTURE_HMAC, metadata=None, ref=REF),
    ]
    assert len(set(names)) == len(names)
    assert cache.name(PICTURE_HMAC, metadata=PillMetadata(), ref=REF) == names[0]
    assert cache.name(PICTURE_HMAC, metadata=None, ref=REF.model_copy(update={"version": "2"})) == names[0]


def test_the_answer_used_last_stays_and_none_grows_old(kept: Kept) -> None:
    moment = [0.0]
    cache = cache_of(local(clock=lambda: moment[0]))
    for name in ("one", "two"):
        cache.put(name, kept)
    assert cache.get("one") == kept
    cache.put("three", kept)
    assert (cache.get("one"), cache.get("two")) == (kept, None)
    moment[0] = 61.0
    assert cache.get("one") is None


def test_redis_gives_back_what_was_put_and_forgets_it(redis_port: int, kept: Kept) -> None:
    cache = cache_of(RedisStore(f"redis://127.0.0.1:{redis_port}/0", ttl_s=0.3))
    cache.put("mine", kept)
    assert cache.get("mine") == kept
    time.sleep(0.4)
    assert cache.get("mine") is None
    cache.close()


def test_what_somebody_else_wrote_into_redis_is_not_believed(redis_port: int, kept: Kept) -> None:
    store = RedisStore(f"redis://127.0.0.1:{redis_port}/0", ttl_s=60)
    cache, forger = cache_of(store), cache_of(store, key=b"another")
    before = counted("forged")
    forger.put("theirs", kept)
    assert cache.get("theirs") is None
    cache.put("mine", kept)
    store.put("moved", store.get("mine"))
    assert cache.get("moved") is None
    assert counted("forged") == before + 2
    cache.close()


def test_a_lost_redis_costs_no_answer_and_after_three_failures_no_time(kept: Kept) -> None:
    cache = cache_of(RedisStore(f"redis://127.0.0.1:{free_port()}/0", ttl_s=60))
    errors, skipped = counted("error"), counted("skipped")
    for _ in range(5):
        assert cache.get("mine") is None
    cache.put("mine", kept)
    assert (counted("error") - errors, counted("skipped") - skipped) == (2, 4)
    cache.close()


def served(settings: Settings) -> tuple[TestClient, Answering]:
    app = create_app()
    answering = Answering(
        settings, journal=Journal(settings.journal_url), metrics=metrics(), now=lambda: datetime.now(UTC)
    )
    answering.watch.poll()
    app.state.answering = answering
    return TestClient(Observed(app, metrics=metrics()), raise_server_exceptions=False), answering


def ask(client: TestClient, picture: bytes = PICTURE) -> dict:
    return client.post("/api/v1/predict", files={"image": picture}).json()


def test_the_second_answer_is_the_first_one_under_its_own_id(settings: Settings) -> None:
    client, answering = served(settings)
    first, second = ask(client), ask(client)
    assert first["request_id"] != second["request_id"]
    assert (first["pills"], first["release"]) == (second["pills"], second["release"])
    one, two = Journal(settings.journal_url).entries(action="predict")
    assert ("cached" in one.payload, two.payload["cached"]) == (False, True)
    assert two.payload["request_id"] == second["request_id"]
    assert (one.payload["pills"], one.input_hmac) == (two.payload["pills"], two.input_hmac)
    answering.close()


def test_a_cached_answer_names_the_release_that_answers_now(settings: Settings) -> None:
    client, answering = served(settings)
    ask(client)
    release(settings.home, version="2")
    answering.watch.poll()
    assert ask(client)["release"]["version"] == "2"
    assert Journal(settings.journal_url).entries(action="predict")[-1].payload["version"] == "2"
    answering.close()


def test_workers_share_answers_through_redis_and_go_on_without_it(settings: Settings, redis_port: int) -> None:
    shared = settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{redis_port}/0"})
    lost = settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port()}/0"})
    pills = []
    for found in (shared, shared, lost):
        client, answering = served(found)
        pills.append(ask(client, OTHER)["pills"])
        answering.close()
    assert pills[0] == pills[1] == pills[2]
    entries = Journal(settings.journal_url).entries(action="predict")
    assert [entry.payload.get("cached", False) for entry in entries] == [False, True, False]


@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_a_redis_that_is_lost_under_load_costs_no_answer_and_little_time(
    settings: Settings, fate: signal.Signals
) -> None:
    port, took_s = free_port(), []
    with redis_server(port) as server:
        client, answering = served(settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{port}/0"}))
        hits, skipped = counted("hit"), counted("skipped")

        def load() -> None:
            for number in range(30):
                began = time.perf_counter()
                assert ask(client, (PICTURE, OTHER)[number % 2])["pills"]
                took_s.append(time.perf_counter() - began)

        asking = [threading.Thread(target=load) for _ in range(3)]
        for thread in asking:
            thread.start()
        wait_for(lambda: len(took_s) > 20)
        assert counted("hit") > hits
        server.send_signal(fate)
        for thread in asking:
            thread.join()
        server.send_signal(signal.SIGCONT)
    assert len(took_s) == 90
    assert counted("skipped") > skipped  # the circuit breaker opened: nobody waits for Redis any more
    assert sum(one > 2 for one in took_s) == 0
    entries = Journal(settings.journal_url).entries(action="predict")
    assert [entry.outcome for entry in entries] == ["answered"] * 90
    answering.close()


def test_no_entries_means_no_cache(settings: Settings) -> None:
    client, answering = served(settings.model_copy(update={"cache_entries": 0}))
    ask(client)
    ask(client)
    assert not any("cached" in entry.payload for entry in Journal(settings.journal_url).entries(action="predict"))
    answering.close()
