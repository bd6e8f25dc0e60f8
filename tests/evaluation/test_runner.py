"""The runner on models in this process: order, batches, failures, resumption, budgets, repeats, the cache."""

import math
from typing import Any

import numpy as np
import pytest
from tests.evaluation.runner_models import Local, MemoryCache, case_of, info_of, numbers, parity

from seatrial.errors import UsageError
from seatrial.evaluation.runner import Progress, run_rows, work_key
from seatrial.evaluation.runner.asking import input_digest
from seatrial.models.base import Answer, Model, ModelError
from seatrial.models.extraction import NO_LABEL
from seatrial.records.suite import Budgets, CaseRoles, Price
from seatrial.storage.row_log import MemoryRowLog


def test_every_row_is_asked_once_in_order_and_in_full_batches() -> None:
    model = Local(parity, batch_size=10)
    ran = run_rows(numbers(25), model, case=case_of(), log=MemoryRowLog())
    assert (ran.status, ran.reason) == ("complete", None)
    assert model.batches == [10, 10, 5]
    assert [one.answer.prediction for one in ran.answers] == [at % 2 for at in range(25)]
    assert [(one.row, one.repeat) for one in ran.answers] == [(at, 0) for at in range(25)]
    assert (ran.resumed, ran.cached, ran.asked, ran.calls, ran.retries) == (0, 0, 25, 25, 0)
    assert ran.failures() == ()
    assert ran.cost_record() is None


def test_a_batch_is_durable_before_the_next_one_starts() -> None:
    log = MemoryRowLog()
    seen: list[int] = []

    def answer(x: int) -> Answer:
        seen.append(len(log.kept()))
        return parity(x)

    run_rows(numbers(30), Local(answer), case=case_of(), log=log)
    assert seen == [0] * 10 + [10] * 10 + [20] * 10


def test_some_positions_only_and_another_batch_size() -> None:
    model = Local(parity)
    ran = run_rows(numbers(30), model, case=case_of(), log=MemoryRowLog(), positions=[29, 3, 3, 7], batch_size=2)
    assert model.batches == [2, 1]
    assert [one.row for one in ran.answers] == [3, 7, 29]


@pytest.mark.parametrize(
    "more", [{"positions": [30]}, {"positions": [-1]}, {"batch_size": 0}, {"concurrency": 0}], ids=str
)
def test_arguments_that_cannot_be_used(more: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        run_rows(numbers(30), Local(parity), case=case_of(), log=MemoryRowLog(), **more)


def test_a_model_that_is_neither_local_nor_remote_is_refused() -> None:
    class Neither(Model):
        adapter = "test"
        name = "neither"

        def info(self) -> Any:
            return info_of("neither")

    with pytest.raises(UsageError, match="LocalModel"):
        run_rows(numbers(3), Neither(), case=case_of(), log=MemoryRowLog())


def test_a_model_that_does_not_load_says_so() -> None:
    class Broken(Local):
        def open(self) -> None:
            raise ModelError("no such file")

    with pytest.raises(ModelError, match="no such file"):
        run_rows(numbers(3), Broken(parity), case=case_of(), log=MemoryRowLog())


def test_ids_come_along_where_a_model_needs_them() -> None:
    class ById(Local):
        needs_ids = True

        def predict(self, batch: Any) -> Any:
            return [Answer(prediction=one) for one in batch["@id"]]

    ran = run_rows(numbers(4), ById(parity), case=case_of(), log=MemoryRowLog())
    assert [one.answer.prediction for one in ran.answers] == ["r0", "r1", "r2", "r3"]


# failures


def test_a_batch_that_raises_is_asked_row_by_row_and_only_the_bad_rows_are_missing() -> None:
    def answer(x: int) -> Answer:
        if x in (3, 17):
            raise TypeError(f"cannot use it\nand more about {x}")
        return parity(x)

    model = Local(answer)
    ran = run_rows(numbers(30), model, case=case_of(), log=MemoryRowLog(), budgets=Budgets(failures=0.1))
    assert ran.status == "complete"
    assert [(one.reason, one.count, one.examples) for one in ran.failures()] == [
        ("TypeError: cannot use it", 2, ("r3", "r17"))
    ]
    assert [one.row for one in ran.answers if one.answer.reason is None] == [x for x in range(30) if x not in (3, 17)]
    assert model.batches == [10, *[1] * 10, 10, *[1] * 10, 10]


def test_more_failures_than_the_budget_make_a_run_invalid_and_say_why() -> None:
    def answer(x: int) -> Answer:
        return Answer(reason="too long") if x % 10 == 0 else parity(x)

    log = MemoryRowLog()
    ran = run_rows(numbers(100), Local(answer), case=case_of(), log=log, budgets=Budgets(failures=0.09))
    assert ran.status == "invalid"
    assert ran.reason is not None
    assert "10 of 100 rows have no answer (10.0%)" in ran.reason
    assert "too long" in ran.reason
    assert run_rows(numbers(100), Local(answer), case=case_of(), log=log, budgets=Budgets(failures=0.1)).status == (
        "complete"
    )


def test_a_model_that_fails_on_every_row_is_given_up_early_and_nothing_is_kept() -> None:
    def answer(x: int) -> Answer:
        raise RuntimeError("no library")

    log = MemoryRowLog()
    model = Local(answer, batch_size=64)
    ran = run_rows(numbers(100_000), model, case=case_of(), log=log)
    assert ran.status == "invalid"
    assert ran.reason == "the model answered none of the first 32 rows, most often: RuntimeError: no library"
    assert sum(model.batches) == 64 + 32
    assert log.kept() == {}
    mended = run_rows(numbers(100), Local(parity), case=case_of(), log=log)
    assert (mended.status, mended.resumed) == ("complete", 0)


def test_a_model_that_fails_on_the_first_rows_only_goes_on() -> None:
    def answer(x: int) -> Answer:
        if x < 20:
            raise RuntimeError("warming up")
        return parity(x)

    log = MemoryRowLog()
    ran = run_rows(numbers(400), Local(answer), case=case_of(), log=log)
    assert ran.status == "complete"
    assert ran.failures()[0].count == 20
    assert len(log.kept()) == 400, "failures that were held back are kept once there is an answer"
    again = Local(parity)
    assert run_rows(numbers(400), again, case=case_of(), log=log).resumed == 400
    assert again.batches == []


def test_reasons_beyond_twenty_are_counted_together() -> None:
    ran = run_rows(
        numbers(200),
        Local(lambda x: Answer(reason=f"reason {x}") if x < 30 else parity(x)),
        case=case_of(),
        log=MemoryRowLog(),
        budgets=Budgets(failures=1),
    )
    found = ran.failures()
    assert len(found) == 20
    assert sum(one.count for one in found) == 30
    assert found[-1].reason == "11 other reasons"


# resumption


def test_rows_that_are_kept_are_not_asked_again() -> None:
    log = MemoryRowLog()
    run_rows(numbers(30), Local(parity), case=case_of(), log=log, positions=range(12))
    model = Local(parity)
    ran = run_rows(numbers(30), model, case=case_of(), log=log)
    assert sorted(model.asked) == list(range(12, 30))
    assert (ran.resumed, ran.asked, len(ran.answers)) == (12, 18, 30)


def test_an_answer_comes_back_from_the_log_as_it_was() -> None:
    whole = Answer(
        prediction={"a": [1, "two", None]},
        score=0.25,
        scores={"x": 0.5},
        text="é <script>",
        values={"finish": "stop", "n": 1.5},
        input_tokens=3,
        output_tokens=0,
    )
    log = MemoryRowLog()
    first = run_rows(numbers(1), Local(lambda x: whole), case=case_of(), log=log, price=Price(per_call=1.0))
    again = run_rows(numbers(1), Local(parity), case=case_of(), log=log, price=Price(per_call=9.0))
    assert again.answers == first.answers
    assert again.answers[0].answer == whole
    assert again.cost == 1.0, "paid once, at the price of then"


def test_an_interrupt_passes_and_what_was_finished_is_kept() -> None:
    log = MemoryRowLog()

    def answer(x: int) -> Answer:
        if x == 15:
            raise KeyboardInterrupt
        return parity(x)

    with pytest.raises(KeyboardInterrupt):
        run_rows(numbers(30), Local(answer), case=case_of(), log=log)
    assert sorted(log.kept()) == [(row, 0) for row in range(10)]


# budgets, price


def test_the_cost_budget_stops_and_the_run_can_be_taken_up_again() -> None:
    log, price = MemoryRowLog(), Price(per_call=0.5)
    ran = run_rows(numbers(100), Local(parity), case=case_of(), log=log, price=price, budgets=Budgets(cost=12))
    assert ran.status == "stopped"
    assert ran.reason == "the cost budget of 12 USD is used up (30 of 100 rows are done)"
    assert ran.cost == 15.0
    more = run_rows(numbers(100), Local(parity), case=case_of(), log=log, price=price, budgets=Budgets(cost=100))
    assert (more.status, more.cost, more.resumed) == ("complete", 50.0, 30)


def test_what_was_spent_before_counts_towards_the_budgets() -> None:
    given = {"case": case_of(), "price": Price(per_call=1.0)}
    spent = run_rows(numbers(9), Local(parity), log=MemoryRowLog(), budgets=Budgets(cost=5), started_cost=5.0, **given)
    late = run_rows(
        numbers(9), Local(parity), log=MemoryRowLog(), budgets=Budgets(minutes=1), started_seconds=61, **given
    )
    assert (spent.status, spent.answers) == ("stopped", ())
    assert (late.status, late.answers) == ("stopped", ())
    assert late.reason == "the time budget of 1 minutes is used up (0 of 9 rows are done)"


def test_cost_by_call_by_tokens_and_by_hour() -> None:
    price = Price(per_call=0.01, per_million_input_tokens=2.0, per_million_output_tokens=10.0, currency="EUR")
    ran = run_rows(
        numbers(4),
        Local(lambda x: Answer(prediction=1, input_tokens=1000 * x, output_tokens=100)),
        case=case_of(),
        log=MemoryRowLog(),
        price=price,
    )
    found = ran.cost_record()
    assert found is not None
    assert found.total == pytest.approx(4 * 0.01 + 6000 * 2e-6 + 400 * 1e-5)
    assert (found.currency, found.input_tokens, found.output_tokens, found.calls) == ("EUR", 6000, 400, 4)
    assert found.per_row is not None
    # mean and Student's t interval of 0.011, 0.013, 0.015, 0.017 (t of 3 degrees of freedom: 3.182446)
    assert found.per_row.value == pytest.approx(0.014)
    assert found.per_row.low == pytest.approx(0.014 - 3.182446 * 0.002581989 / 2, rel=1e-6)


def test_machine_time_is_charged_by_service_time() -> None:
    ran = run_rows(numbers(20), Local(parity), case=case_of(), log=MemoryRowLog(), price=Price(per_hour=3600.0))
    milliseconds = math.fsum(one.service_ms or 0 for one in ran.answers)
    assert ran.cost == pytest.approx(milliseconds / 1e3)


# repeats, text, the cache


def test_repeats_ask_every_row_once_before_any_row_twice() -> None:
    model = Local(parity, batch_size=5)
    ran = run_rows(numbers(10), model, case=case_of(repeats=3), log=MemoryRowLog())
    assert set(model.asked.values()) == {3}
    assert [(one.row, one.repeat) for one in ran.answers] == [(row, k) for k in range(3) for row in range(10)]


def test_the_answer_is_taken_out_of_a_text() -> None:
    said = ["It is YES.", "no", "perhaps"]
    ran = run_rows(
        numbers(3),
        Local(lambda x: Answer(text=said[x])),
        case=case_of(task="multiclass", choices=("yes", "no")),
        log=MemoryRowLog(),
    )
    assert [one.answer.prediction for one in ran.answers] == ["yes", "no", NO_LABEL]
    assert [one.answer.text for one in ran.answers] == said


def test_a_text_without_the_number_that_was_wanted_is_a_missing_row_that_keeps_its_text() -> None:
    ran = run_rows(
        numbers(1), Local(lambda x: Answer(text="many")), case=case_of(task="regression"), log=MemoryRowLog()
    )
    assert ran.answers[0].answer.reason == "no number in the text"
    assert ran.answers[0].answer.text == "many"


class Cacheable(Local):
    cacheable = True


def test_the_cache_answers_across_runs_and_costs_nothing() -> None:
    cache, price = MemoryCache(), Price(per_call=1.0)
    run_rows(numbers(30), Cacheable(parity), case=case_of(), log=MemoryRowLog(), cache=cache, price=price)
    model = Cacheable(parity)
    ran = run_rows(numbers(50), model, case=case_of(), log=MemoryRowLog(), cache=cache, price=price)
    assert sorted(model.asked) == list(range(30, 50))
    assert (ran.cached, ran.asked, ran.calls, ran.cost) == (30, 20, 20, 20.0)
    assert [one.answer.prediction for one in ran.answers] == [at % 2 for at in range(50)]
    found = ran.latency()
    assert found is not None
    assert found.n == 10, "warm-up and cached rows are not timed"


def test_a_local_model_that_does_not_ask_for_the_cache_does_not_use_it() -> None:
    cache = MemoryCache()
    run_rows(numbers(5), Local(parity), case=case_of(), log=MemoryRowLog(), cache=cache)
    assert cache.answers == {}


def test_failures_are_never_remembered() -> None:
    cache = MemoryCache()
    run_rows(
        numbers(40),
        Cacheable(lambda x: Answer(reason="no") if x < 4 else parity(x)),
        case=case_of(),
        log=MemoryRowLog(),
        cache=cache,
        budgets=Budgets(failures=1),
    )
    assert len(cache.answers) == 36


@pytest.mark.parametrize(
    "other",
    [{"prompt": "Is {x} odd?"}, {"system": "Be brief."}, {"parameters": {"temperature": 0}}, {"repeats": 2}],
    ids=lambda one: next(iter(one)),
)
def test_what_changes_the_question_is_another_key_in_the_cache(other: dict[str, Any]) -> None:
    cache = MemoryCache()
    run_rows(numbers(5), Cacheable(parity), case=case_of(), log=MemoryRowLog(), cache=cache)
    ran = run_rows(numbers(5), Cacheable(parity), case=case_of(**other), log=MemoryRowLog(), cache=cache)
    assert ran.asked == 5


def test_a_changed_answer_pattern_rereads_the_texts_that_were_paid_for() -> None:
    cache = MemoryCache()
    answer = Cacheable(lambda x: Answer(text="first: yes, last: no"))
    run_rows(numbers(2), answer, case=case_of(answer="first: (\\w+)"), log=MemoryRowLog(), cache=cache)
    ran = run_rows(numbers(2), answer, case=case_of(answer="last: (\\w+)"), log=MemoryRowLog(), cache=cache)
    assert ran.cached == 2
    assert [one.answer.prediction for one in ran.answers] == ["no", "no"]


def test_the_digest_of_an_input_tells_values_types_and_images_apart() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    rows: list[dict[str, Any]] = [
        {"a": 1},
        {"a": "1"},
        {"a": 1.5},
        {"a": True},
        {"a": None},
        {"b": 1},
        {"a": [1, 2]},
        {"a": ["1", 2]},
        {"a": {"x": 1}},
        {"a": b"1"},
        {"a": image},
        {"a": image.reshape(2, 3, 2)},
        {"a": image.astype(np.int16)},
        {"a": 1, "b": 2},
    ]
    assert len({input_digest(row) for row in rows}) == len(rows)
    assert input_digest({"a": image}) == input_digest({"a": image.copy()})


def test_the_name_of_a_piece_of_work_is_what_is_asked_and_not_how_it_is_measured() -> None:
    key = work_key("data", "model", case_of())
    same = work_key("data", "model", case_of(metrics=("accuracy",), slices=("x",), threshold=0.3, repeats=4))
    others = {
        work_key("data2", "model", case_of()),
        work_key("data", "model2", case_of()),
        work_key("data", "model", case_of(), "typos:0.1"),
        work_key("data", "model", case_of(), seed=1),
        work_key("data", "model", case_of(prompt="{x}?")),
        work_key("data", "model", case_of(answer="(.)")),
        work_key("data", "model", case_of(parameters={"temperature": 1})),
        work_key("data", "model", case_of(roles=CaseRoles(inputs=("x",)))),
    }
    assert same == key
    assert key not in others
    assert len(others) == 8


# progress


def test_progress_counts_only_what_is_kept_and_ends_whole() -> None:
    log = MemoryRowLog()
    told: list[Progress] = []

    def hear(progress: Progress) -> None:
        assert progress.done == len(log.kept())
        told.append(progress)

    run_rows(numbers(30), Local(parity), case=case_of(), log=log, price=Price(per_call=1.0), progress=hear)
    assert (told[0].done, told[0].of, told[0].rate) == (0, 30, None)
    assert (told[-1].done, told[-1].cost, told[-1].failures, told[-1].seconds_left) == (30, 30.0, 0, 0.0)
