"""Exact and near duplicates: a difference hash of 256 bits, compared among pictures of one look."""

import cv2
import numpy as np
import pandas as pd

# N: pictures, W: bytes of a hash.
_HASH_SIDE = 16
NEAR_BITS = 14


def difference_hash(rgb_HWC: np.ndarray) -> str:
    """Difference hash (dHash) in 64 hex digits: for each cell of a 16 x 16 grid, is its right neighbour brighter?

    Rescaling and recompressing a picture change few of the bits; another photograph of the pill changes about half.
    """
    grey = cv2.cvtColor(rgb_HWC, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_HASH_SIDE + 1, _HASH_SIDE), interpolation=cv2.INTER_AREA).astype(np.int16)
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes().hex()


def duplicates_of(manifest: pd.DataFrame) -> pd.Series:
    """For each row the `photo_id` of the earlier picture it repeats, or None.

    Only pictures of one look group and side are compared: white round tablets of two medications are meant to
    look alike. Reference pictures only within one lot of one medication, as each is a view of a gallery.
    Columns read: photo_id, medication_id, lot, look_group, side, role, dhash.
    """
    found = pd.Series([None] * len(manifest), index=manifest.index, dtype=object)
    lots = manifest["medication_id"] + "/" + manifest["lot"].fillna("").astype(str)
    shown = manifest["look_group"].where(manifest["role"] == "consumer", lots)
    for _, rows in manifest.groupby([shown, "side", "role"], sort=False):
        found.loc[rows.index] = _first_alike(rows)
    return found


def _first_alike(rows: pd.DataFrame) -> list[str | None]:
    hashes_NW = np.array([np.frombuffer(bytes.fromhex(text), np.uint8) for text in rows["dhash"]])
    photo_ids = rows["photo_id"].tolist()
    originals: list[int] = []
    found: list[str | None] = []
    for index, hash_W in enumerate(hashes_NW):
        bits = np.bitwise_count(hashes_NW[originals] ^ hash_W).sum(axis=1) if originals else np.empty(0)
        near = np.flatnonzero(bits <= NEAR_BITS)
        found.append(photo_ids[originals[near[0]]] if len(near) else None)
        if not len(near):
            originals.append(index)
    return found
