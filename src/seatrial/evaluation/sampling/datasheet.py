"""A datasheet for the sample (Gebru and others, "Datasheets for Datasets", CACM 64, 2021): facts, open questions."""

from collections.abc import Sequence

from seatrial.evaluation.sampling.sheet import stratum_name
from seatrial.records.numbers import format_count
from seatrial.records.sample import Sample

_MOST = 60
_METRIC = {"accuracy": "accuracy", "rate": "a rate"}


def datasheet(of: Sample, *, sheet: str, when: str | None = None, classes: Sequence[str] = ()) -> str:
    """Markdown: what is known of the sample is filled in; what only its makers know stays an open question."""
    drawn = {
        "proportional": "in proportion to their size",
        "neyman": "in proportion to their size and the spread guessed of them (Neyman)",
        "rare": "in proportion to the root of their size, so that rare ones have more",
    }[of.allocation]
    doubled = (
        f"{format_count(of.doubled)} of {format_count(of.rows)} rows by {len(of.labels)} annotators, the others by one."
        if len(of.labels) > 1
        else "Every row by one annotator."
    )
    parts: list[tuple[str, list[str], list[str]]] = [
        (
            "Motivation",
            [f"Drawn to measure {_METRIC[of.metric]} on the rows of {_t(of.source.name)}."],
            ["Who made it, for whom, and who paid?", "Which decision hangs on it?"],
        ),
        (
            "Composition",
            [
                f"{format_count(of.rows)} rows of {format_count(of.population)} in `{_t(of.source.name)}` (SHA-256 "
                f"`{of.source.sha256}`), one row an instance.",
                f"A sample, not all: {len(of.strata)} strata by {_t(', '.join(of.by) or 'nothing')}; rows of each "
                f"were drawn {drawn}, at least {of.least} where there are so many.",
                "Every row has its `inclusion_probability` and its inverse, `sample_weight`.",
                *([f"Classes: {', '.join(_t(name) for name in classes)}."] if classes else []),
                *([f"Columns kept from annotators: {', '.join(_t(name) for name in of.hidden)}."] if of.hidden else []),
            ],
            [
                "What is a row: a person, a message, a document?",
                "What is missing from the table that was drawn from, and why?",
                "Are there repeats, or rows that belong together (the same user)?",
                "Could a person be told from a row? Does it hold anything confidential, or offensive?",
                "Which groups of people are in it, and how were they told?",
            ],
        ),
        (
            "Collection process",
            [
                f"By `seatrial sample` {of.seatrial}, seed {of.seed}, without replacement within strata"
                + (f", on {when}" if when else "")
                + f"; order shuffled; digest of the draw `{of.sheet_sha256}`.",
                f"Size: {of.sentence}",
            ],
            [
                "Over what time were the rows of the table collected, by which system?",
                "Did the people in it know and agree? Can they take it back?",
                "Was an ethical review done?",
            ],
        ),
        (
            "Preprocessing, cleaning, labelling",
            [f"Labels: {', '.join(f'`{name}`' for name in of.labels)}. {doubled}"],
            [
                "Who were the annotators, how were they chosen, taught and paid?",
                "How far do they agree (`seatrial sample agreement`), and how were differences settled?",
                "Which version of the guideline was used?",
                "Is the raw table kept, and where?",
            ],
        ),
        (
            "Uses",
            [
                f"`seatrial evaluate {_t(sheet)} --target {of.labels[0]} --weight sample_weight` estimates what "
                "all rows would give. Without the weights a stratum that was drawn more often counts too much.",
                "Not for training the model that it measures.",
            ],
            ["What should it not be used for?", "Has it been used before, for which choices?"],
        ),
        ("Distribution", [], ["Who may have it, under which licence, from when?"]),
        (
            "Maintenance",
            [],
            ["Who keeps it, and how are they reached?", "When is it drawn anew, and what tells that it is too old?"],
        ),
    ]
    lines = [
        f"# Datasheet: {_t(of.title)}",
        "",
        "After Gebru and others, Datasheets for Datasets. Facts are filled in from the draw; a box is a question "
        "that only its makers can answer.",
    ]
    for title, facts, questions in parts:
        lines += ["", f"## {title}", ""]
        lines += [f"- {fact}" for fact in facts]
        lines += [f"- [ ] {question}" for question in questions]
        if title == "Composition":
            lines += ["", *_strata(of)]
    return "\n".join(lines) + "\n"


def _strata(of: Sample) -> list[str]:
    lines = [
        "| stratum | rows in the table | drawn | inclusion probability | weight of a row |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {_t(stratum_name(one.slice))} | {format_count(one.population)} | {format_count(one.rows)} | "
        f"{one.probability:.4g} | {one.weight:.6g} |"
        for one in of.strata[:_MOST]
    ]
    if len(of.strata) > _MOST:
        lines.append(f"| {len(of.strata) - _MOST} more in the JSON | | | | |")
    return lines


def _t(text: str) -> str:
    """Text of a data set in a line of Markdown."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    for mark in ("\\", "|", "<", "`", "*", "_", "["):
        shown = shown.replace(mark, f"\\{mark}" if mark != "<" else "&lt;")
    return shown
