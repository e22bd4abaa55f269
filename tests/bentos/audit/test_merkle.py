"""Merkle trees: roots as RFC 6962's recursion gives them, proofs that hold, and none that proves anything else."""

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from bentos.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    includes,
    inclusion_proof,
    is_consistent,
    leaf_hash,
    node_hash,
)

LEAVES = [hashlib.sha256(bytes([number])).digest() for number in range(70)]
sizes = st.integers(1, len(LEAVES))


def by_the_book(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if len(leaves) < 2:
        return leaf_hash(leaves[0]) if leaves else EMPTY_ROOT
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return node_hash(by_the_book(leaves[:k]), by_the_book(leaves[k:]))


@given(first=st.integers(0, len(LEAVES)), second=st.integers(0, len(LEAVES)))
def test_a_tree_that_grows_has_the_root_of_the_book(first: int, second: int) -> None:
    small, large = sorted((first, second))
    grown = Frontier().extended(LEAVES[:small]).extended(LEAVES[small:large])
    assert grown == Frontier().extended(LEAVES[:large])
    assert (grown.size, grown.root) == (large, by_the_book(LEAVES[:large]))
    assert len(grown.roots) == large.bit_count()


@given(size=sizes, index=st.integers(0, len(LEAVES) - 1), other=st.integers(0, len(LEAVES) - 1))
def test_inclusion_is_proved_of_what_is_there_and_of_nothing_else(size: int, index: int, other: int) -> None:
    index %= size
    leaves = LEAVES[:size]
    root, path = by_the_book(leaves), inclusion_proof(leaves, index)
    assert includes(root, size=size, index=index, leaf=leaves[index], path=path)
    assert not includes(root, size=size, index=index, leaf=b"\x00" * 32, path=path)
    assert not includes(root, size=size, index=index, leaf=leaves[index], path=[*path, leaves[0]])
    assert not includes(root, size=size, index=size, leaf=leaves[index], path=path)
    if path:
        assert not includes(root, size=size, index=index, leaf=leaves[index], path=path[:-1])
    if other != index:
        assert not includes(root, size=size, index=other, leaf=leaves[index], path=path)


@settings(max_examples=200)
@given(first=sizes, second=sizes, changed=st.integers(0, len(LEAVES) - 1))
def test_a_tree_is_consistent_with_its_beginnings_and_with_no_other(first: int, second: int, changed: int) -> None:
    old, new = sorted((first, second))
    root, path = by_the_book(LEAVES[:new]), consistency_proof(LEAVES[:new], old)
    sized = {"old_size": old, "new_size": new, "path": path}
    assert is_consistent(by_the_book(LEAVES[:old]), root, **sized)
    other = [*LEAVES]
    other[changed % old] = b"\x01" * 32
    assert not is_consistent(by_the_book(other[:old]), root, **sized)
    if path:
        assert not is_consistent(by_the_book(LEAVES[:old]), root, **sized | {"path": path[:-1]})


@given(size=sizes, index=st.integers(0, len(LEAVES) - 1), known=st.integers(0, len(LEAVES) - 1))
def test_the_path_of_a_later_leaf_needs_no_more_of_the_tree_before_than_its_roots(
    size: int, index: int, known: int
) -> None:
    index, known = index % size, min(known, index % size)
    before = Frontier().extended(LEAVES[:known])
    path = inclusion_proof(LEAVES[known:size], index, before=before)
    assert path == inclusion_proof(LEAVES[:size], index)
