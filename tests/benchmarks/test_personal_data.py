"""What the page says about personal data is what is measured, and the settings that it names are there."""

import re
from pathlib import Path

from benchmarks.personal_data import SEED, corpus, false_alarms, recall, tables
from bentos.privacy.recognise import find, redacted
from bentos.settings import Settings

NOT_FOUND = {"name without either", "date without a word", "record number without a word"}


def test_the_page_has_the_figures_that_the_command_measures(repository: Path) -> None:
    assert tables(SEED) in (repository / "docs" / "privacy.md").read_text()


def test_what_has_a_form_or_a_word_before_it_is_found_and_taken_out() -> None:
    found = recall(seed=11)
    assert {kind for kind, rate in found.items() if rate.num_touched < 0.99 * rate.num} == NOT_FOUND
    assert {kind for kind, rate in found.items() if rate.num_covered < 0.98 * rate.num} == NOT_FOUND


def test_harmless_text_is_left_alone() -> None:
    alarms = false_alarms(seed=11)
    assert sum(num for _, num in alarms.values()) <= 5
    assert alarms["imprints of the catalogue"][1] == 0


def test_what_is_redacted_is_not_found_again() -> None:
    for one in corpus(seed=12):
        text = redacted(one.text, find(one.text))
        assert find(text) == [], one.text


def test_every_setting_of_the_page_exists(repository: Path) -> None:
    named = set(re.findall(r"RXVISION_([A-Z_]+)", (repository / "docs" / "privacy.md").read_text()))
    assert {name.lower() for name in named} <= set(Settings.model_fields)
    assert len(named) >= 6
