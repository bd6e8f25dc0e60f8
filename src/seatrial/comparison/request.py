"""What is asked of a comparison, in one record."""

from dataclasses import dataclass, field

from seatrial.metrics.base import Metric


@dataclass(frozen=True, kw_only=True)
class Request:
    """Metrics, slices and how rows are read; everything has a default."""

    metrics: tuple[str | Metric, ...] = ()
    """Names, `NAME=FORMULA`, or metrics built in Python; none takes the task's usual ones."""
    by: tuple[str, ...] = ()
    cross: int = 1
    cluster: str | None = None
    level: float = 0.95
    seed: int = 0
    all_pairs: bool = False
    unpaired: bool = False
    lower_is_better: tuple[str, ...] = ()
    examples: int = 10
    arguments: dict[str, str | list[str]] = field(default_factory=dict)
    """Options as given, for the provenance."""
