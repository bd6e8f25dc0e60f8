"""A macro average has no interval where single rows add or take away a class; the value stays scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

import seatrial as st


def _sides(rare: int, flips: int = 0) -> list[dict[str, object]]:
    """Three classes that are true, and a fourth that only the candidate predicts, on `rare` rows."""
    at = np.arange(600)
    truth = at % 3
    one = np.where(at % 10 == 0, (truth + 1) % 3, truth)
    two = one.copy()
    two[:flips] = (truth[:flips] + 2) % 3
    two[:rare] = 9
    return [{"id": at, "label": truth, "prediction": answer} for answer in (one, two)]


@pytest.mark.parametrize(("rare", "refused"), [(0, False), (3, True), (40, False)])
def test_a_class_that_comes_and_goes(rare: int, refused: bool) -> None:
    sides = _sides(rare, flips=50)
    result = st.compare(*sides, metrics=["f1_macro"])
    effect = result.effects[0]
    wanted = [f1_score(side["label"], side["prediction"], average="macro", zero_division=0.0) for side in sides]
    assert effect.difference == pytest.approx(wanted[1] - wanted[0], abs=1e-9)
    assert (effect.low is None) == refused
    if refused:
        assert "never true" in (effect.reason or "")
        assert effect.word == "cannot tell"


def test_identical_inputs_still_pass_exactly() -> None:
    side = _sides(3)[1]
    result = st.compare(side, dict(side), policy={"guardrails": ["f1_macro"]})
    assert result.verdict.status == "pass"
    effect = next(e for e in result.effects if e.metric == "f1_macro")
    assert (effect.difference, effect.low, effect.high, effect.method) == (0, 0, 0, "identical")
