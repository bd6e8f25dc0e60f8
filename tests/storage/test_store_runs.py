"""Runs: kept as they were, and found by every name they have."""

from datetime import UTC, datetime

import pytest

from seatrial.errors import UsageError
from seatrial.storage.store import Store

from .run_records import make_run

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_run_comes_back_as_it_was(store: Store) -> None:
    run = make_run(table=store.put_table({"id": ["a"]}))
    digest = store.add_run(run, now=NOON)
    found = store.run(digest)
    assert found.run == run
    assert found.digest == digest == run.digest()
    assert (found.when, found.tags, found.name) == ("2026-03-02T12:00:00.000Z", (), "new@fraud")


def test_every_way_to_name_a_run(store: Store) -> None:
    first = store.add_run(make_run("a"))
    second = store.add_run(make_run("a", seed=1))
    other = store.add_run(make_run("b", suite="spam"))
    mail = store.add_run(make_run("me@home", suite="spam"))
    store.tag(first[:8], "production", who="ann")
    named = {first: [first, first[:12], "production"], second: ["a", "a@fraud"], other: ["b@spam", "b", other[:20]],
             mail: ["latest", "me@home@spam", "me@home"]}  # fmt: skip
    for digest, references in named.items():
        for reference in references:
            assert store.run(reference).digest == digest, reference
    assert store.run("production").tags == ("production",)
    assert store.tags() == {"production": first}
    assert [one.digest for one in store.runs()] == [first, second, other, mail]
    assert [one.digest for one in store.runs(suite="fraud")] == [first, second]
    assert [one.digest for one in store.runs(suite="spam", model="b")] == [other]
    assert store.runs(model="c") == []


def test_a_run_stored_again_is_the_latest_again(store: Store) -> None:
    first = store.add_run(make_run("a"), now=NOON)
    store.add_run(make_run("b"))
    assert store.add_run(make_run("a"), now=NOON.replace(hour=13)) == first
    assert store.run("latest").digest == first
    assert store.run("latest").when == "2026-03-02T13:00:00.000Z"
    assert len(store.runs()) == 2


def test_a_tag_moves_and_the_ledger_says_so(store: Store) -> None:
    first, second = (store.add_run(make_run(model)) for model in "ab")
    store.tag("a", "production", who="ann")
    assert store.tag("b", "production", who="bob").digest == second
    assert store.tags() == {"production": second}
    given = store.ledger()
    assert [(one.kind, one.who, one.digests) for one in given] == [
        ("tag", "ann", {"production": first}),
        ("tag", "bob", {"production": second}),
    ]
    assert given[1].what == f"'production' names run {second[:12]}, before {first[:12]}."


def test_a_reference_that_fits_several_or_none_is_refused_with_what_there_is(folder_store: Store) -> None:
    with pytest.raises(UsageError, match="has no runs yet"):
        folder_store.run("latest")
    with pytest.raises(UsageError, match="has none yet"):
        folder_store.run("abcd")
    seeds = {}
    for seed in range(3000):  # two runs whose digests begin alike
        start = make_run(seed=seed).digest()[:4]
        if start in seeds:
            break
        seeds[start] = seed
    digests = [folder_store.add_run(make_run(seed=one)) for one in (seeds[start], seed)]
    with pytest.raises(UsageError, match=r"names several runs: .*give more of the digest") as error:
        folder_store.run(start)
    assert all(digest[:12] in str(error.value) for digest in digests)
    with pytest.raises(UsageError, match=r"Did you mean 'new@fraud'\?"):
        folder_store.run("new@fruad")
    with pytest.raises(UsageError, match="A digest needs 4 characters or more"):
        folder_store.run(start[:3])
    with pytest.raises(UsageError, match="There is no run '%'"):
        folder_store.run("%")


def test_a_model_named_like_a_digest_is_no_riddle(folder_store: Store) -> None:
    seed = next(seed for seed in range(9000) if make_run(seed=seed).digest()[:4].isalpha())
    digest = folder_store.add_run(make_run(seed=seed))
    folder_store.add_run(make_run(digest[:4]))
    with pytest.raises(UsageError, match="names several runs"):
        folder_store.run(digest[:4])


@pytest.mark.parametrize("tag", ["latest", "cafe", "", "a b", "-x", "x" * 101, "a@b", "ü"])
def test_a_tag_that_could_be_something_else_is_refused(folder_store: Store, tag: str) -> None:
    folder_store.add_run(make_run())
    with pytest.raises(UsageError, match="cannot be a tag"):
        folder_store.tag("latest", tag, who="ann")
    assert folder_store.ledger() == ()
    assert folder_store.tags() == {}


def test_a_time_without_a_zone_is_refused(folder_store: Store) -> None:
    with pytest.raises(UsageError, match="has no zone"):
        folder_store.add_run(make_run(), now=datetime(2026, 1, 1))
