"""A share of the callers, always the same ones, dealt anew for every experiment."""

import pytest

from bentos.rollout.assign import takes_challenger

KEYS = [f"caller {i}" for i in range(20_000)]


def chosen(*, share: float, experiment: str = "1|2") -> set[str]:
    return {key for key in KEYS if takes_challenger(key, experiment=experiment, share=share)}


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5])
def test_the_share_is_what_was_asked_for(share: float) -> None:
    assert len(chosen(share=share)) / len(KEYS) == pytest.approx(share, abs=0.01)
    assert share > 0 or not chosen(share=share)


def test_a_caller_stays_with_the_same_variant_and_a_larger_share_keeps_everybody() -> None:
    assert chosen(share=0.1) == chosen(share=0.1)
    assert chosen(share=0.1) < chosen(share=0.3)


def test_another_experiment_deals_the_callers_anew() -> None:
    first, second = chosen(share=0.5), chosen(share=0.5, experiment="1|3")
    assert len(first & second) / len(KEYS) == pytest.approx(0.25, abs=0.02)
