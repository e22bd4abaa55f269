"""Finds personal data in short texts that people type, and takes it out.

Numbers are checked by maintained libraries: telephone numbers by `phonenumbers` (Google's libphonenumber), national and
bank numbers by `python-stdnum`. Nothing is downloaded and no language model is used, so a bare name is not found.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import phonenumbers
from stdnum import iban, luhn
from stdnum.gb import nhs
from stdnum.us import ssn

_DRUG_CODE: Final = re.compile(r"\d{4,5}-\d{3,4}-\d{1,2}")  # NDC, as on every package
_REGION: Final = "US"  # of telephone numbers without a country's code
_NAME: Final = r"[^\W\d_][^\W\d_'’.-]*(?:['’-][^\W\d_]+)*"
_CAPITALISED: Final = r"(?:[^\W\d_a-zß-ÿ]{1,2}['’])?[^\W\d_a-zß-ÿ](?:[^\W\d_A-Z]+|\.)"
_TITLES: Final = r"mrs?|ms|miss|mx|dr|prof|herr|frau|mme|patients?|pt|nurse|carer"
_LABELS: Final = r"(?:patient|full|first|last|family|given|maiden|sur)?[ -]?name|patient|nom|carer|contact|caller"
_NUMBERS: Final = (
    r"mrn|medical record(?: no\.?| number)?|record (?:no\.?|number)|patient[ -]?(?:id|no\.?|number)|"
    r"case (?:no\.?|number)|nhs(?: no\.?| number)?|ssn|social security(?: no\.?| number)?|passport(?: no\.?| number)?|"
    r"(?:insurance|member|policy|account|licen[cs]e)(?: id| no\.?| number)|hicn|mbi"
)
_DATE: Final = (
    r"(?:\d{1,2}[./ -]\d{1,2}[./ -](?:19|20)?\d{2}|(?:19|20)\d{2}[./ -]\d{1,2}[./ -]\d{1,2}|"
    r"\d{1,2}\.? ?[^\W\d_]{3,9}\.? ?(?:19|20)\d{2})"
)
_STREETS: Final = r"street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|court|crescent|square|terrace|close"


class Found(NamedTuple):
    """Where something personal stands, and of what kind it is."""

    kind: str
    start: int
    end: int


class _Pattern(NamedTuple):
    kind: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = lambda _: True


def _is_ip(text: str) -> bool:
    try:
        return not ipaddress.ip_address(text).is_unspecified
    except ValueError:
        return False


def _is_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return 13 <= len(digits) <= 19 and luhn.is_valid(digits)


def _has_digit(text: str) -> bool:
    return any(char.isdigit() for char in text)


# Where a pattern has a group, the group is what is personal; what stands before it is the cue.
_EMAIL: Final = r"[^\s@<>(),;:\"]{1,64}(?:@| ?[\[(]at[\])] ?)[^\s@<>(),;:\"]{1,190}\.[^\W\d_]{2,24}"
_IBAN: Final = r"(?<!\w)[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)(?!\w)"
_IP: Final = r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,7})(?![\w.:])"
_PLACE: Final = r"(?<![\d.])-?\d{1,2}\.\d{3,}°? ?[NS]?[,; ] ?-?\d{1,3}\.\d{3,}°? ?[EW]?(?![\d.])"
_BORN: Final = r"\b(?:d\.?o\.?b\.?|born|birth[ -]?(?:day|date)?|date of birth|geb(?:oren)?)\b[\s:=#.,-]*(?:[aio][nm] )?"
_TITLED: Final = rf"(?i:\b(?:{_TITLES})\b)\.? ({_CAPITALISED}(?:[ -]{_CAPITALISED}){{0,2}})"
_PATTERNS: Final = (
    _Pattern("email", re.compile(_EMAIL, re.IGNORECASE)),
    _Pattern("ssn", re.compile(r"(?<![\d-])\d{3}[- ]\d{2}[- ]\d{4}(?![\d-])"), ssn.is_valid),
    _Pattern("nhs", re.compile(r"(?<!\d)\d{3}[ -]\d{3}[ -]\d{4}(?!\d)"), nhs.is_valid),
    _Pattern("iban", re.compile(_IBAN), iban.is_valid),
    _Pattern("card", re.compile(r"(?<!\d)[3-6]\d{3}(?:[ -]?\d{2,6}){2,4}(?!\d)"), _is_card),
    _Pattern("ip", re.compile(_IP, re.IGNORECASE), _is_ip),
    _Pattern("place", re.compile(_PLACE)),
    _Pattern("birth_date", re.compile(rf"{_BORN}({_DATE})", re.IGNORECASE)),
    _Pattern("number", re.compile(rf"\b(?:{_NUMBERS})\b[\s:#=.-]*([A-Z0-9][A-Z0-9/-]{{2,19}})", re.I), _has_digit),
    _Pattern("address", re.compile(rf"\b\d{{1,5}}[a-z]? (?:{_NAME} ){{1,3}}(?:{_STREETS})\b", re.IGNORECASE)),
    _Pattern("name", re.compile(rf"\b(?:{_LABELS}) ?[:=] ?({_NAME}(?:[ -]{_NAME}){{0,2}})", re.IGNORECASE)),
    _Pattern("name", re.compile(_TITLED)),
)
KINDS: Final = ("phone", *dict.fromkeys(pattern.kind for pattern in _PATTERNS))


def find(text: str) -> list[Found]:
    """What is personal in a text, in its order; what overlaps is one, of the kind that begins first."""
    plain = _plain(text)
    found = sorted([*_phones(text), *_matches(plain)], key=lambda one: (one.start, -one.end))
    apart: list[Found] = []
    for one in found:
        if apart and one.start < apart[-1].end:
            apart[-1] = apart[-1]._replace(end=max(one.end, apart[-1].end))
        else:
            apart.append(one)
    return apart


def redacted(text: str, found: list[Found]) -> str:
    """The text with `[kind]` in each place."""
    for one in reversed(found):
        text = f"{text[: one.start]}[{one.kind}]{text[one.end :]}"
    return text


def _phones(text: str) -> Iterator[Found]:
    """The library knows every writing of digits, and takes an underscore for an end."""
    if sum(char.isdigit() for char in text) >= 7:
        for match in phonenumbers.PhoneNumberMatcher(text, _REGION):
            if not _DRUG_CODE.fullmatch(match.raw_string):
                yield Found("phone", match.start, match.end)


def _matches(text: str) -> Iterator[Found]:
    for kind, pattern, holds in _PATTERNS:
        for match in pattern.finditer(text):
            group = 1 if pattern.groups else 0
            if holds(match[group]):
                yield Found(kind, *match.span(group))


def _plain(text: str) -> str:
    """As long as the text: underscores of file names are spaces, full-width characters are plain ones."""
    return "".join(" " if char == "_" else _narrow(char) for char in text)


def _narrow(char: str) -> str:
    if char.isascii():
        return char
    narrow = unicodedata.normalize("NFKC", char)
    return narrow if len(narrow) == 1 else char
