"""Personal data in typed text: taken out by default and said to be, refused or kept where that is configured."""

import pytest

from bentos.journal import Journal
from bentos.privacy.typed import cleaned, redact
from bentos.runtime.answer import PillMetadata
from bentos.settings import Settings, launch_environment
from tests.bentos.rest_client import FRONT, app_of, client_of, is_problem

PHONE = "415-555-2671"
TYPED = PillMetadata(imprint=f"A2;TEST call {PHONE}", color="WHITE", size_mm=8)


def test_what_is_found_is_taken_out_and_the_rest_stays() -> None:
    typed, kinds = cleaned(TYPED, policy="redact")
    assert typed == TYPED.model_copy(update={"imprint": "A2;TEST call"})
    assert kinds == {"imprint": ("phone",)}
    assert cleaned(PillMetadata(imprint=PHONE), policy="redact")[0].imprint is None
    assert cleaned(TYPED, policy="keep") == (TYPED, {})
    assert cleaned(None, policy="redact") == (None, {})
    assert redact(f"ann {PHONE}.jpg", policy="redact") == "ann [phone].jpg"


def test_the_answer_and_the_journal_say_that_something_was_taken_out(settings: Settings, journal: Journal) -> None:
    app = app_of(settings)
    sent = {"files": {"image": FRONT}, "data": {"metadata": TYPED.model_dump_json()}}
    warned = client_of(app).post("/api/v1/predict", **sent).json()["pills"][0]["explanation"]["warnings"]
    assert warned[-1] == "What looked like personal data was not used: imprint"
    entry = journal.entries(action="predict")[-1]
    assert entry.payload["redacted"] == {"imprint": ["phone"]}
    plain = {"metadata": TYPED.model_copy(update={"imprint": "A2;TEST call"}).model_dump_json()}
    again = client_of(app).post("/api/v1/predict", files={"image": FRONT}, data=plain).json()
    assert warned[-1] not in again["pills"][0]["explanation"]["warnings"]
    app.state.answering.close()


def test_it_is_refused_where_that_is_configured(settings: Settings) -> None:
    app = app_of(settings.model_copy(update={"personal_data": "refuse"}))
    reply = client_of(app).post("/api/v1/predict", files={"image": FRONT}, data={"metadata": TYPED.model_dump_json()})
    is_problem(reply, status=422, code="personal_data")
    assert PHONE not in reply.text
    app.state.answering.close()


@pytest.mark.parametrize("kept", [{}, {"replay": 30.0, "quality_control": 7.5}])
def test_purposes_reach_the_processes_that_are_launched(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, kept: dict[str, float]
) -> None:
    given = Settings(home=settings.home, retain_pictures=kept)
    for name, value in launch_environment(given).items():
        monkeypatch.setenv(name, value)
    assert Settings().retain_pictures == kept


@pytest.mark.parametrize("purposes", [{"Replay": 1}, {"replay": 0}, {"": 1}, {"a b": 1}])
def test_a_purpose_has_a_plain_name_and_an_end(settings: Settings, purposes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="retain_pictures"):
        Settings(home=settings.home, retain_pictures=purposes)
