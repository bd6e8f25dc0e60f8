"""A guideline for annotators, to be filled by whoever owns the labels: what is known is there, the rest is asked."""

from collections.abc import Sequence

from seatrial.records.sample import Sample


def guideline(of: Sample, *, classes: Sequence[str] = (), shown: str = "", telling: Sequence[str] = ()) -> str:
    """Markdown: the question, the classes, the doubtful cases, how to work, how agreement is measured."""
    first = of.labels[0]
    several = len(of.labels) > 1
    lines = [
        f"# How to label: {of.title}",
        "",
        "Fill in what stands in square brackets before anyone labels a row, and change it only with a new version.",
        "",
        "Version: 1. Owner: [name]. Questions go to: [name].",
        "",
        "## The question",
        "",
        "[One sentence: what is asked of every row. Example: does the customer ask for money back?]",
        "",
        f"You see these columns: {shown or '[columns]'}. Decide from them alone; do not look anything up unless it is "
        "said here.",
        "",
        "## The classes",
        "",
        "| class, written exactly so | what it means | an example | not this, though it looks like it |",
        "|---|---|---|---|",
        *(f"| `{_cell(name)}` | [meaning] | [example] | [counter-example] |" for name in classes or ("[class]",)),
        "| `?` | cannot be told from what is shown | [example] | a hard case that can be decided |",
        "",
        "## Cases in doubt",
        "",
        "1. [Two classes fit: which goes before?]",
        "2. [Empty, cut, or foreign-language rows: which class?]",
        "3. Write a new kind of doubt into this list, with the decision, as soon as it is met.",
        "",
        "## How to work",
        "",
        f"- Rows are in a random order on purpose. Work from the top; if time runs out, what is done is still a fair "
        f"sample. Do not sort, delete or add rows, and leave the columns `{_cell('source_row')}`, `stratum`, "
        "`inclusion_probability` and `sample_weight` as they are.",
        f"- Annotator 1 fills `{first}`"
        + (
            "; "
            + ", ".join(f"annotator {at} fills `{name}`" for at, name in enumerate(of.labels[1:], 2))
            + f" in the rows with {len(of.labels)} in `labels_wanted` ({of.doubled:,} of {of.rows:,})."
            if several
            else "."
        ),
        "- Label the first 20 rows, compare, talk, and mend this guideline; then start over with those 20.",
        "- After that nobody sees another's labels, and nobody asks a model, until both are done.",
        "- A cell that begins with an apostrophe holds a text that a spreadsheet would take for a formula.",
    ]
    if telling:
        lines.append(
            f"- **Look first**: {', '.join(f'`{_cell(name)}`' for name in telling)} may hold a model's answers. Who "
            "sees them follows them: draw the sample again with `--hide`."
        )
    lines += ["", "## When it is done", ""]
    if several:
        lines += [
            "```sh",
            f"seatrial sample agreement SHEET.csv --labels {','.join(of.labels)} --report agreement.html",
            "```",
            "",
            "It names the rows to settle. A third person settles them into a column `label`, without being told who "
            "said what.",
        ]
    else:
        lines.append("One annotator labels every row: nobody can say how certain these labels are.")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("`", "'").replace("|", "\\|").replace("\n", " ")
