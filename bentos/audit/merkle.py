"""Merkle trees over entry hashes as RFC 6962 defines them; pure functions over 32-byte leaves' data.

A tree grows through its `Frontier`, the roots of the perfect subtrees of its size's bits, largest first.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """RFC 6962's hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962's hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True)
class Frontier:
    """All that is needed of a tree to let it grow: its size and one root per set bit of it, largest first."""

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def extended(self, leaves: Iterable[bytes]) -> "Frontier":
        """The tree with more leaves behind."""
        size, roots = self.size, list(self.roots)
        for data in leaves:
            node, bit = leaf_hash(data), size
            while bit & 1:
                node, bit = node_hash(roots.pop(), node), bit >> 1
            roots.append(node)
            size += 1
        return Frontier(size, tuple(roots))

    @property
    def root(self) -> bytes:
        """The root of the whole tree."""
        if not self.roots:
            return EMPTY_ROOT
        node = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            node = node_hash(left, node)
        return node


NO_TREE = Frontier()


def inclusion_proof(leaves: Sequence[bytes], index: int, *, before: Frontier = NO_TREE) -> list[bytes]:
    """The audit path of a leaf, counted from 0, in the tree of all leaves: RFC 6962, 2.1.1; takes O(leaves).

    `leaves` are those behind the tree `before`, whose roots are all that a path of a later leaf needs of it.
    """
    level, path, first, roots = [leaf_hash(data) for data in leaves], [], before.size, list(before.roots)
    while len(level) > 1 or first:
        if first & 1:
            level, first = [roots.pop(), *level], first - 1
        if (beside := (index ^ 1) - first) < len(level):
            path.append(level[beside])
        level, index, first = _above(level), index >> 1, first >> 1
    return path


def includes(root: bytes, *, size: int, index: int, leaf: bytes, path: Sequence[bytes]) -> bool:
    """Whether a path proves that a leaf's data stand at an index of the tree of this root and size."""
    if not 0 <= index < size:
        return False
    node, last, waiting = leaf_hash(leaf), size - 1, list(reversed(path))
    while last:
        if index & 1 or index < last:
            if not waiting:
                return False
            beside = waiting.pop()
            node = node_hash(beside, node) if index & 1 else node_hash(node, beside)
        index, last = index >> 1, last >> 1
    return not waiting and node == root


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """That the tree of the first `old_size` leaves is the beginning of the tree of all: RFC 6962, 2.1.2."""
    if not 0 < old_size < len(leaves):
        return []
    return _subproof(old_size, leaves, whole=True)


def is_consistent(old_root: bytes, new_root: bytes, *, old_size: int, new_size: int, path: Sequence[bytes]) -> bool:
    """Whether a path proves the first tree to be the beginning of the second (RFC 9162, 2.1.4.2)."""
    if old_size == new_size:
        return not path and old_root == new_root
    if not 0 < old_size < new_size or not path:
        return old_size == 0 and not path
    nodes = list(path) if old_size & (old_size - 1) else [old_root, *path]
    index, last = old_size - 1, new_size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            new = node_hash(new, node)
        index, last = index >> 1, last >> 1
    return old == old_root and new == new_root and last == 0


def _above(level: list[bytes]) -> list[bytes]:
    """The next level; a node without a neighbour goes up as it is."""
    paired = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
    return [*paired, level[-1]] if len(level) % 2 else paired


def _root(leaves: Sequence[bytes]) -> bytes:
    return Frontier().extended(leaves).root


def _subproof(old_size: int, leaves: Sequence[bytes], *, whole: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if whole else [_root(leaves)]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if old_size <= half:
        return [*_subproof(old_size, leaves[:half], whole=whole), _root(leaves[half:])]
    return [*_subproof(old_size - half, leaves[half:], whole=False), _root(leaves[:half])]
