"""A site's photographs: what is left out and why, and no pill on both sides of the split."""

from pathlib import Path

from data.site import FIT, JUDGE, read_site_photos
from tests.builders import NOW
from tests.site_photos import drawn_catalogue, site_photos


def test_photographs_are_dealt_by_appearance_and_what_is_not_used_is_counted(tmp_path: Path) -> None:
    items = drawn_catalogue(marks=(0, 1))
    folder = site_photos(tmp_path / "photos", items=items, each=1)
    first = next(iter(sorted(folder.glob("*.jpg"))))
    (folder / "broken.jpg").write_bytes(b"nothing")
    (folder / "again.jpg").write_bytes(first.read_bytes()[:-2] + b"\x00\xff\xd9")
    with (folder / "labels.csv").open("a") as labels:
        labels.write(f"broken.jpg,{items[0].ndc11},table,front,\n")
        labels.write(f"again.jpg,{items[0].ndc11},table,{'back' if 'back' in first.name else 'front'},\n")
    known = items[:-1]
    read = read_site_photos(folder, medications=known, home=tmp_path / "home", now=NOW, seed=1,
                            on_progress=lambda *_: None)  # fmt: skip
    assert read.left_out == {"near-duplicate": 1, "unsupported format": 1, "unknown medication": 2}
    assert (read.looks(FIT), read.looks(JUDGE)) == (8, 7)
    halves = read.rows.groupby("look_group")["split"].nunique()
    assert (halves == 1).all()


def test_the_same_seed_deals_the_same_halves_whatever_the_order(tmp_path: Path) -> None:
    from data.site import split_by_look

    items = drawn_catalogue(marks=(0,))
    read = read_site_photos(site_photos(tmp_path / "p", items=items, each=1), medications=items, home=tmp_path / "home",
                            now=NOW, seed=1, on_progress=lambda *_: None)  # fmt: skip
    again = split_by_look(read.rows.iloc[::-1], seed=1).sort_values("photo_id")["split"].tolist()
    assert again == read.rows.sort_values("photo_id")["split"].tolist()
