"""What an answer costs by the suite's prices."""

from seatrial.models.base import Answer
from seatrial.records.suite import Price


def cost_of(answer: Answer, *, service_ms: float | None, price: Price | None) -> float | None:
    """Return the price of one answered row, None without prices.

    per call + tokens x price a million + service time x price an hour. A call that brought no answer and no count of
    tokens (refused, timed out) costs its service time only.

    >>> cost_of(Answer(text="yes", input_tokens=1000), service_ms=10.0, price=Price(per_million_input_tokens=2.0))
    0.002
    """
    if price is None:
        return None
    tokens_in, tokens_out = answer.input_tokens or 0, answer.output_tokens or 0
    cost = (tokens_in * price.per_million_input_tokens + tokens_out * price.per_million_output_tokens) / 1e6
    if answer.reason is None or tokens_in or tokens_out:
        cost += price.per_call
    return cost + (service_ms or 0.0) * price.per_hour / 3.6e6
