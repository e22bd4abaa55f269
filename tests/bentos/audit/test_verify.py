"""Whatever is done to a trail is found, and the first bad entry is named."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bentos.audit.chain import GENESIS, Link, entry_hash
from bentos.audit.checkpoints import CHECKPOINTS_FILE, Checkpoint, Checkpointer, read_checkpoints
from bentos.audit.schema import StoredJson, append, links, open_table, writing
from bentos.audit.sealed import EntryKeys
from bentos.audit.verify import verify_trail
from bentos.journal import TABLE, connect
from bentos.runtime.errors import ContractError

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
NUM = 10_000
COVERED = 9_900
KEY = Ed25519PrivateKey.generate()


def written(url: str, *, num: int, keys: EntryKeys | None = None) -> list[Link]:
    engine = connect(url)
    open_table(engine, TABLE, now=NOON)
    rows = [
        {"at": NOON + timedelta(seconds=i), "actor": "a", "action": "predict", "outcome": "answered",
         "payload": StoredJson(f'{{"n":{i}}}')}
        for i in range(num)
    ]  # fmt: skip
    with writing(engine) as connection:
        append(connection, TABLE, rows, keys=keys)
    with engine.connect() as connection:
        return list(links(connection, TABLE))


def checkpointed(directory: Path, trail: list[Link], *, times: int) -> list[Checkpoint]:
    """Checkpoints of a trail that grew in so many steps."""
    for step in range(1, times + 1):
        size = len(trail) * step // times
        Checkpointer(
            directory, key=KEY, links=lambda after, size=size: iter(trail[after:size]), size=lambda size=size: size
        ).catch_up(NOON)
    return read_checkpoints(directory / CHECKPOINTS_FILE, key=KEY.public_key())


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> list[Link]:
    return written(f"sqlite:///{tmp_path_factory.mktemp('trail') / 'journal.db'}", num=NUM)


@pytest.fixture(scope="module")
def checkpoints(trail: list[Link], tmp_path_factory: pytest.TempPathFactory) -> list[Checkpoint]:
    return checkpointed(tmp_path_factory.mktemp("audit"), trail[:COVERED], times=9)


def renumbered(rows: list[Link]) -> list[Link]:
    return [link._replace(entry_id=place) for place, link in enumerate(rows, start=1)]


def chained_anew(rows: list[Link]) -> list[Link]:
    """As somebody would who knows how hashes are made."""
    made, previous = [], GENESIS
    for link in rows:
        mine = entry_hash(link, entry_id=link.entry_id, previous=previous)
        made.append(link._replace(previous_hash=previous, entry_hash=mine))
        previous = mine
    return made


def edit(rows: list[Link], rng: random.Random) -> int:
    at = rng.randrange(len(rows))
    field, value = rng.choice(
        [("outcome", "refused"), ("payload", '{"n":-1}'), ("at", NOON - timedelta(days=1)), ("actor", "b"),
         ("entry_hash", "0" * 64), ("previous_hash", "1" * 64), ("recogniser", "sha256:0"), ("entry_hash", None)]
    )  # fmt: skip
    rows[at] = rows[at]._replace(**{field: value})
    return at + 1


def delete(rows: list[Link], rng: random.Random) -> int:
    at = rng.randrange(len(rows) - 1)
    del rows[at]
    if rng.random() < 0.5:
        rows[:] = renumbered(rows)
    return at + 1


def insert(rows: list[Link], rng: random.Random) -> int:
    at = rng.randrange(len(rows) - 1)
    made = rows[at]._replace(payload='{"n":-2}')
    if rng.random() < 0.5:
        made = made._replace(entry_hash=entry_hash(made, entry_id=at + 1, previous=made.previous_hash))
        rows[at:at] = [made]
        rows[:] = renumbered(rows)
        # Valid where it stands: what was written there is behind it now, and does not follow.
        return at + 1 if at < COVERED else at + 2
    rows[at:at] = [made]
    rows[:] = renumbered(rows)
    return at + 1


def swap(rows: list[Link], rng: random.Random) -> int:
    first, second = sorted(rng.sample(range(len(rows)), 2))
    rows[first], rows[second] = rows[second], rows[first]
    rows[:] = renumbered(rows)
    return first + 1


def cut(rows: list[Link], rng: random.Random) -> int:
    left = rng.randrange(COVERED)
    del rows[left:]
    return left + 1


TAMPERING: dict[str, Callable[[list[Link], random.Random], int]] = {
    "edited": edit, "deleted": delete, "inserted": insert, "swapped": swap, "cut": cut,
}  # fmt: skip


def test_a_trail_that_nobody_touched_holds(trail: list[Link], checkpoints: list[Checkpoint]) -> None:
    found = verify_trail(trail, checkpoints=checkpoints)
    assert (found.num_entries, found.num_covered, found.finding) == (NUM, COVERED, None)
    assert [one.number for one in checkpoints] == list(range(1, 10))


def found_when_tampered_with(trail: list[Link], checkpoints: list[Checkpoint], *, kind: str, times: int) -> None:
    """Tamper so many times, each time with the whole trail, and demand that the first bad entry is named."""
    rng = random.Random(f"{kind} {times}")
    for _ in range(times):
        rows = list(trail)
        first_bad = TAMPERING[kind](rows, rng)
        finding = verify_trail(rows, checkpoints=checkpoints).finding
        assert finding is not None
        assert finding.entry_id == first_bad
        assert finding.kind == kind or (kind == "inserted" and first_bad > COVERED)


@pytest.mark.parametrize("times", [20, pytest.param(200, marks=pytest.mark.soak)])
@pytest.mark.parametrize("kind", TAMPERING)
def test_random_tampering_is_found_and_the_first_bad_entry_named(
    trail: list[Link], checkpoints: list[Checkpoint], kind: str, times: int
) -> None:
    found_when_tampered_with(trail, checkpoints, kind=kind, times=times)


@pytest.mark.parametrize("kind", ["edited", "deleted", "inserted", "swapped"])
def test_who_chains_everything_anew_is_found_by_a_checkpoint(
    trail: list[Link], checkpoints: list[Checkpoint], kind: str
) -> None:
    rng = random.Random(kind)
    for _ in range(3):
        rows = list(trail[:COVERED])
        first_bad = TAMPERING[kind](rows, rng)
        rows = chained_anew(renumbered(rows))
        if rows == trail[:COVERED]:
            continue  # only a hash had been changed, and it is right again
        assert verify_trail(rows).finding is None
        assert verify_trail(rows, checkpoints=checkpoints).finding.entry_id == first_bad


@pytest.mark.parametrize("kind", ["edited", "deleted", "swapped"])
def test_without_checkpoints_the_chain_itself_tells(trail: list[Link], kind: str) -> None:
    rng = random.Random(kind)
    for _ in range(3):
        rows = list(trail)
        first_bad = TAMPERING[kind](rows, rng)
        finding = verify_trail(rows).finding
        assert (finding.entry_id, finding.kind) == (first_bad, kind)


def test_a_checkpoint_file_is_a_chain_itself(trail: list[Link], tmp_path: Path) -> None:
    made = checkpointed(tmp_path, trail[:100], times=4)
    path = tmp_path / CHECKPOINTS_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    for tampered in (lines[1:], lines[:1] + lines[2:], [lines[1], lines[0]], [lines[0].replace(b"root", b"rood")]):
        path.write_bytes(b"".join(tampered))
        with pytest.raises(ContractError):
            read_checkpoints(path, key=KEY.public_key())
    path.write_bytes(b"".join(lines)[:-20])
    assert read_checkpoints(path, key=KEY.public_key()) == made[:3]
    assert checkpointed(tmp_path, trail[:100], times=1)[-1].size == 100
    with pytest.raises(ContractError):
        read_checkpoints(path, key=Ed25519PrivateKey.generate().public_key())


def test_nothing_is_signed_that_does_not_hold(trail: list[Link], tmp_path: Path) -> None:
    rows = list(trail[:50])
    rows[30] = rows[30]._replace(outcome="refused")
    with pytest.raises(ContractError, match="entry 31"):
        checkpointed(tmp_path, rows, times=1)
    assert read_checkpoints(tmp_path / CHECKPOINTS_FILE, key=KEY.public_key()) == []
