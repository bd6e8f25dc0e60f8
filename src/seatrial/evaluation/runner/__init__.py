"""The runner: a model asked about every row of a data set, each answer kept before the next is asked."""

from seatrial.evaluation.runner.alone import alone
from seatrial.evaluation.runner.asking import work_key
from seatrial.evaluation.runner.progress import Progress, RunProgress
from seatrial.evaluation.runner.ran import RanRows
from seatrial.evaluation.runner.run import run_rows

__all__ = ["Progress", "RanRows", "RunProgress", "alone", "run_rows", "work_key"]
