"""`Result`: what `compare` and `evaluate` hand back; a text, a notebook page, a data frame, the public JSON."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from seatrial.comparison.request import Request
from seatrial.comparison.scorecard import scorecard
from seatrial.comparison.versions import Comparison, compare_versions, decided_by
from seatrial.data.predictions import Predictions
from seatrial.errors import UsageError
from seatrial.records import Effect, Estimate, Policy, Scorecard, Verdict

Library = Literal["pandas", "polars", "pyarrow"]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Result:
    """One measured question: versions, metrics, slices, and the policy it was decided by (or the one assumed)."""

    comparison: Comparison
    policy: Policy | None = None
    _decided: dict[str, "Result"] = field(default_factory=dict, repr=False)

    @cached_property
    def scorecard(self) -> Scorecard:
        """Everything found, as the record whose dump is the public JSON."""
        return scorecard(self.comparison, self.policy)

    @property
    def verdict(self) -> Verdict:
        return self.scorecard.verdict

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        return self.scorecard.estimates

    @property
    def effects(self) -> tuple[Effect, ...]:
        return self.scorecard.effects

    def under(self, policy: Policy) -> "Result":
        """The same question decided by a policy."""
        if self.policy is not None and self.policy.digest() == policy.digest():
            return self
        key = policy.digest()
        if key not in self._decided:
            self._decided[key] = Result(decided_by(self.comparison, policy), policy)
        return self._decided[key]

    def to_json(self) -> str:
        """The public JSON: the same input and seed give the same bytes."""
        from seatrial.reports import to_json

        return to_json(self.scorecard)

    def to_frame(
        self, of: Literal["effects", "estimates", "checks", "health"] | None = None, *, library: Library | None = None
    ) -> Any:
        """Records as a data frame of the library the user has (pandas, else polars, else pyarrow); slices as text."""
        from seatrial.actions.frames import to_frame

        chosen = of or ("effects" if self.effects else "estimates")
        card = self.scorecard
        records = {
            "effects": card.effects,
            "estimates": card.estimates,
            "checks": card.verdict.checks,
            "health": card.health,
        }
        if chosen not in records:
            raise UsageError(f"to_frame('{chosen}'): there are effects, estimates, checks and health.")
        return to_frame(records[chosen], library=library)

    def __str__(self) -> str:
        from seatrial.reports import render

        return render(self.scorecard, "text")

    def _repr_html_(self) -> str:
        from seatrial.reports import render

        page = render(self.scorecard, "html").replace("&", "&amp;").replace('"', "&quot;")
        style = "width:100%;height:40rem;border:0"
        return f'<iframe srcdoc="{page}" title="Seatrial report" style="{style}" sandbox="allow-popups"></iframe>'


def ask(
    predictions: Sequence[Predictions], request: Request, policy: Policy | None, *, progress: Progress | None = None
) -> Result:
    """Align, measure and wrap; the scorecard is made when first asked for."""
    return Result(compare_versions(predictions, request, policy=policy, progress=progress), policy)
