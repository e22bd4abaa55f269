"""How much personal data in typed text is found, and how often something else is taken for it.

`python -m benchmarks.personal_data` draws a corpus, measures `bentos.privacy.recognise` on it and writes the table into
docs/privacy.md. The corpus is drawn: sentences around planted data, so that the figures are upper limits for people's
own ways of writing. False alarms are counted on text that belongs there: imprints, names of drugs, dates, lot numbers.
"""

import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from stdnum import luhn
from stdnum.gb import nhs
from stdnum.iso7064 import mod_97_10

from bentos.privacy.recognise import find
from data.catalogue.formulary import read_formulary

PAGE: Final = Path("docs/privacy.md")
BEGIN, END = "<!-- personal data: begin -->", "<!-- personal data: end -->"
SEED: Final = 7  # the recognisers were written while looking at others
_EACH: Final = 400
_FIRST: Final = [
    "Ann",
    "Zebedee",
    "José",
    "Mary-Jane",
    "Siobhán",
    "Li",
    "Anna",
    "Björn",
    "Olga",
    "Priya",
    "Mohammed",
    "Chloë",
    "Kwame",
    "Ngozi",
    "Yuki",
    "Ivan",
]
_LAST: Final = [
    "Miller",
    "O'Neill",
    "Quackenbush",
    "García",
    "Nguyễn",
    "Smith-Jones",
    "Åström",
    "Müller",
    "Okafor",
    "Tanaka",
    "Petrov",
    "Khan",
    "Silva",
    "Wu",
]
_FRAMES: Final = (
    "{}",
    "{} front",
    "taken at home, {}",
    "call me: {}",
    "{}_2.jpg",
    "photo of {} tablet",
    "see note ({})",
    "round white; {}; two sides",
)
_MARGIN: Final = [
    "AMNEAL",
    "WATSON",
    "TEVA",
    "PLIVA",
    "LUPIN",
    "ZC",
    "IP",
    "M",
    "L",
    "L484",
    "54",
    "733",
    "93",
    "5126",
    "I-2",
    "44",
    "329",
    "b",
    "974",
    "3",
    "0",
    "cor",
    "136",
]


class Planted(NamedTuple):
    """A text, and the kind and place of what was planted; no kind where there is nothing personal."""

    text: str
    kind: str = ""
    start: int = 0
    end: int = 0


class Rate(NamedTuple):
    """Of so many planted things, how many were touched at all and how many were covered whole."""

    num: int
    num_touched: int
    num_covered: int


def corpus(seed: int) -> Iterator[Planted]:
    """`_EACH` texts with one thing of each kind."""
    rng = random.Random(seed)
    for kind, draw in _DRAWN.items():
        for _ in range(_EACH):
            yield _framed(rng, kind, draw(rng))


def harmless(seed: int) -> Iterator[tuple[str, str]]:
    """Texts without anything personal, each with the group it belongs to."""
    rng = random.Random(seed)
    for item in read_formulary():
        yield "imprints of the catalogue", item.imprint_text
        yield "names of drugs", f"{item.display_name} {item.strength or ''}"
        yield "NDC numbers", f"NDC {item.ndc11} lot {rng.randint(10**4, 10**6)}"
    for _ in range(_EACH):
        yield "drawn imprints", rng.choice((" ", ";", "-", "")).join(rng.choices(_MARGIN, k=rng.randint(1, 4)))
        day = f"{rng.randint(2019, 2026)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
        yield "names of camera files", f"IMG_{day}_{rng.randint(0, 235959):06d}.jpg"
        yield "names of camera files", f"DSC{rng.randint(0, 99999):05d} ({rng.randint(1, 9)}).JPG"
        yield (
            "what is seen",
            f"{rng.choice(['white', 'pink', 'blue'])} round, {rng.uniform(4, 12):.1f} mm, scored, lot {day}",
        )


def recall(seed: int) -> dict[str, Rate]:
    """By kind."""
    counted = {kind: Counter() for kind in _DRAWN}
    for one in corpus(seed):
        found = find(one.text)
        touched = any(hit.start < one.end and one.start < hit.end for hit in found)
        covered = any(hit.start <= one.start and one.end <= hit.end for hit in found)
        counted[one.kind] += Counter(num=1, touched=touched, covered=covered)
    return {kind: Rate(found["num"], found["touched"], found["covered"]) for kind, found in counted.items()}


def false_alarms(seed: int) -> dict[str, tuple[int, int]]:
    """By group of harmless texts: how many there were, and how many alarmed."""
    num, alarmed = Counter(), Counter()
    for group, text in harmless(seed):
        num[group] += 1
        alarmed[group] += bool(find(text))
    return {group: (num[group], alarmed[group]) for group in num}


def tables(seed: int) -> str:
    """Both, in Markdown."""
    lines = ["| planted | texts | found | taken out whole |", "|---|---|---|---|"]
    for kind, (num, touched, covered) in recall(seed).items():
        lines.append(f"| {kind} | {num} | {touched / num:.1%} | {covered / num:.1%} |")
    lines += ["", "| harmless text | texts | false alarms |", "|---|---|---|"]
    lines += [f"| {group} | {num} | {alarmed} |" for group, (num, alarmed) in false_alarms(seed).items()]
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the tables into the page."""
    made = tables(seed=SEED)
    page = PAGE.read_text()
    PAGE.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n\n{made}\n\n{END}", page, flags=re.DOTALL))
    sys.stdout.write(made + "\n")


def _framed(rng: random.Random, kind: str, drawn: tuple[str, str]) -> Planted:
    """`drawn` is the thing with what stands around it, and the part of it that is personal."""
    whole, part = drawn
    before, after = rng.choice(_FRAMES).split("{}")
    start = len(before) + whole.rindex(part)
    return Planted(before + whole + after, kind, start, start + len(part))


def _name(rng: random.Random) -> str:
    return f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"


def _digits(rng: random.Random, pattern: str) -> str:
    return re.sub("#", lambda _: str(rng.randint(0, 9)), pattern)


def _phone(rng: random.Random) -> tuple[str, str]:
    area, mid = rng.choice(("415", "212", "617", "303", "206")), rng.randint(2, 9)
    shapes = (f"({area}) {mid}##-####", f"{area}-{mid}##-####", f"+1 {area} {mid}## ####", f"{area}.{mid}##.####",
              "+44 20 7946 0###", "+49 89 6361####", "+33 1 42 68 5# ##")  # fmt: skip
    number = _digits(rng, rng.choice(shapes))
    return number, number


def _email(rng: random.Random) -> tuple[str, str]:
    user = re.sub(r"[^a-z.]", "", f"{rng.choice(_FIRST)}.{rng.choice(_LAST)}".lower())
    address = (
        f"{user}{rng.choice(('', '', '84'))}@{rng.choice(('example.org', 'clinic.example', 'mail.example.co.uk'))}"
    )
    return address, address


def _alone(make: Callable[[random.Random], str]) -> Callable[[random.Random], tuple[str, str]]:
    def drawn(rng: random.Random) -> tuple[str, str]:
        text = make(rng)
        return text, text

    return drawn


def _cued(cues: str, make: Callable[[random.Random], str]) -> Callable[[random.Random], tuple[str, str]]:
    def drawn(rng: random.Random) -> tuple[str, str]:
        text = make(rng)
        return f"{rng.choice(cues.split('|'))}{text}", text

    return drawn


def _ssn(rng: random.Random) -> str:
    return f"{rng.randint(1, 665):03d}-{rng.randint(1, 99):02d}-{rng.randint(1, 9999):04d}"


def _nhs(rng: random.Random) -> str:
    while True:
        nine = f"{rng.randint(4 * 10**8, 10**9 - 1)}"
        for last in range(10):
            if nhs.is_valid(f"{nine}{last}"):
                return f"{nine[:3]} {nine[3:6]} {nine[6:]}{last}"


def _card(rng: random.Random) -> str:
    number = _digits(rng, rng.choice(("4###########", "5###########"))) + "###".replace("#", "7")
    whole = number + luhn.calc_check_digit(number)
    return rng.choice((whole, " ".join(whole[place : place + 4] for place in range(0, 16, 4))))


def _iban(rng: random.Random) -> str:
    account = _digits(rng, "##################")
    return f"DE{mod_97_10.calc_check_digits(account + 'DE'):0>2}{account}"


def _ip(rng: random.Random) -> str:
    return rng.choice((".".join(str(rng.randint(1, 254)) for _ in range(4)), f"2001:db8::{rng.randint(1, 9999):x}"))


def _date(rng: random.Random) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1920, 2015)
    return rng.choice(
        (f"{month}/{day}/{year}", f"{year}-{month:02d}-{day:02d}", f"{day}.{month}.{year}", f"{day} May {year}")
    )


def _address(rng: random.Random) -> str:
    street = rng.choice(("Baker", "Old Mill", "King's", "Martin Luther King", "Elm"))
    return f"{rng.randint(1, 9999)} {street} {rng.choice(('Street', 'St', 'Avenue', 'Road', 'Lane', 'Blvd'))}"


_DRAWN: Final[dict[str, Callable[[random.Random], tuple[str, str]]]] = {
    "telephone number": _phone,
    "e-mail address": _email,
    "US social security number": _alone(_ssn),
    "NHS number": _alone(_nhs),
    "card number": _alone(_card),
    "IBAN": _alone(_iban),
    "IP address": _alone(_ip),
    "GPS position": _alone(lambda rng: f"{rng.uniform(30, 60):.5f}, {rng.uniform(-120, 30):.5f}"),
    "record number after a word for it": _cued(
        "MRN |MRN: |patient id |medical record no. |insurance number ", lambda rng: _digits(rng, "##-####")
    ),
    "date of birth after a word for it": _cued("DOB |dob: |born |born on |date of birth: ", _date),
    "postal address (street)": _alone(_address),
    "name after a title": _cued("Mr. |Mrs |Dr. |Ms |patient ", _name),
    "name after a label": _cued("name: |patient: |patient name = |contact: ", _name),
    "name without either": _alone(_name),
    "date without a word": _alone(_date),
    "record number without a word": _alone(lambda rng: _digits(rng, "##-####")),
}


if __name__ == "__main__":
    main()
