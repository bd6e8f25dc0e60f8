"""`seatrial run`, `runs`, `show`, `tag`, `report`: suites run, and what is in the store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seatrial.app.output import EXIT, ExitCode, Html, Json, Junit, Markdown, clean, hand_over_page
from seatrial.app.store_command import StoreOption
from seatrial.errors import UsageError

if TYPE_CHECKING:
    from seatrial.actions.run import SuiteResult

SuiteFile = Annotated[Path, typer.Argument(metavar="SUITE", help="The suite file (`seatrial init` writes one).")]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="YAML policy: what must hold; by default the suite's own.")
]
BatchSize = Annotated[int | None, typer.Option("--batch-size", help="Rows handed to a local model at once.")]
Concurrency = Annotated[int | None, typer.Option("--concurrency", help="Calls to a remote model at once.")]
TrustPickle = Annotated[
    bool, typer.Option("--trust-pickle", help="Load pickled models: a pickle can run any code, so only your own.")
]
Level = Annotated[float, typer.Option("--level", help="Level of the intervals no policy decides.")]
ModelCard = Annotated[
    Path | None, typer.Option("--model-card", help="Write a model card (Markdown with model-index metadata) here.")
]
Slides = Annotated[Path | None, typer.Option("--slides", help="Write slides (.pptx) here; needs seatrial[slides].")]
SuiteOption = Annotated[
    Path | None, typer.Option("--suite", help="Compare on this suite; what was not run on it yet is run now.")
]
Runs = Annotated[
    list[str],
    typer.Argument(metavar="RUN...", help="A run's first characters, a tag, a model, MODEL@SUITE or latest."),
]
OneRun = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's first characters, a tag, a model, MODEL@SUITE or latest.")
]


def run_suite(
    suite: SuiteFile,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help="NAME=ADAPTER:LOCATION (function, sklearn, onnx, torch, transformers, http, openai, predictions, "
            "mlflow), or a name from the suite; the first is the baseline; repeat.",
        ),
    ] = None,
    case: Annotated[list[str] | None, typer.Option("--case", help="Run only this case; repeat.")] = None,
    policy: PolicyFile = None,
    store: StoreOption = None,
    batch_size: BatchSize = None,
    concurrency: Concurrency = None,
    trust_pickle: TrustPickle = False,
    again: Annotated[
        bool, typer.Option("--again", help="Ask every row again, though the store has its answer.")
    ] = False,
    level: Level = 0.95,
    tag: Annotated[str | None, typer.Option("--tag", help="Tag the (last) run, for example production.")] = None,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
    model_card: ModelCard = None,
    slides: Slides = None,
    exit_code: ExitCode = False,
) -> int:
    """Run models on a suite, keep every row, and print the report card."""
    from seatrial.actions.run import run as action
    from seatrial.app.output import outputs
    from seatrial.app.run_progress import RunBar

    outputs(report, json, markdown, None)
    with RunBar() as bar:
        result = action(
            suite,
            *(model or ()),
            cases=case or (),
            policy=policy,
            store=store,
            batch_size=batch_size,
            concurrency=concurrency,
            trust_pickle=trust_pickle,
            again=again,
            level=level,
            progress=bar.advance,
            say=bar.say,
        )
    if tag is not None:
        from seatrial.actions.runs import tag as name_run

        name_run(result.record.runs[-1], tag, store=store)
    return _hand_over(result, report, json, markdown, model_card, slides, exit_code)


def runs(
    suite: Annotated[str | None, typer.Option("--suite", help="Only runs of this suite (its name).")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only runs of this model.")] = None,
    store: StoreOption = None,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
) -> int:
    """List the runs in the store, newest first."""
    from seatrial.actions.runs import runs as action

    hand_over_page(action(suite=suite, model=model, store=store), report, json, markdown)
    return 0


def show(
    run: Runs,
    policy: PolicyFile = None,
    store: StoreOption = None,
    level: Level = 0.95,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
    junit: Junit = None,
    exit_code: ExitCode = False,
) -> int:
    """Show the report card of a run, or of several side by side; nothing is run again."""
    from seatrial.actions.runs import show as action

    result = action(*run, policy=policy, store=store, level=level)
    return _hand_over(result, report, json, markdown, None, None, exit_code, junit=junit)


def tag(
    run: OneRun,
    name: Annotated[str, typer.Argument(help="What the run is called from now on: production.")],
    store: StoreOption = None,
) -> int:
    """Give a run a name that other commands take; a name moves from the run that had it."""
    from seatrial.actions.runs import tag as action

    digest = action(run, name, store=store)
    typer.echo(f"{clean(name)} is now run {digest[:12]}.")
    return 0


def report(
    run: Runs,
    policy: PolicyFile = None,
    store: StoreOption = None,
    level: Level = 0.95,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
    model_card: ModelCard = None,
    slides: Slides = None,
) -> int:
    """Write the report of a run: HTML by default (report.html), Markdown, JSON, a model card, slides."""
    from seatrial.actions.runs import show as action

    if all(path is None for path in (report, json, markdown, model_card, slides)):
        report = Path("report.html")
    result = action(*run, policy=policy, store=store, level=level)
    return _hand_over(result, report, json, markdown, model_card, slides, False)


def gate_runs(
    references: list[str],
    *,
    suite: Path | None,
    policy: Path | None,
    store: str | None,
    report: Path | None,
    json: Path | None,
    markdown: Path | None,
    junit: Path | None,
) -> int:
    """The gate over a suite or stored runs: quiet, and the exit code is the verdict."""
    from seatrial.actions.runs import gate_suite
    from seatrial.actions.runs import show as show_runs
    from seatrial.app.output import outputs
    from seatrial.app.run_progress import RunBar

    wanted = outputs(report, json, markdown, junit)
    if len(references) < 2:
        raise UsageError("gate needs a baseline and a candidate: two runs, tags, models or prediction files.")
    if suite is None:
        result = show_runs(*references, policy=policy, store=store)
    else:
        with RunBar() as bar:
            result = gate_suite(*references, suite=suite, policy=policy, store=store, progress=bar.advance, say=bar.say)
    result.write({path: kind for path, kind in wanted.items() if str(path) != "-"})
    printed = [result.render(kind) for path, kind in wanted.items() if str(path) == "-"]
    if printed:
        typer.echo("".join(printed), nl=False)
    verdict = result.verdict
    if verdict is None:
        raise UsageError("Nothing was asked: give a policy with --policy, or name one in the suite.")
    if not printed:
        typer.echo(f"{verdict.status.upper()}: {clean(verdict.sentence)}")
        for check in verdict.checks:
            if check.status != "pass":
                typer.echo(f"  {check.status}: {clean(check.name)}: {clean(check.reason)}")
    return EXIT[verdict.status]


def _hand_over(
    result: "SuiteResult",
    report: Path | None,
    json: Path | None,
    markdown: Path | None,
    model_card: Path | None,
    slides: Path | None,
    exit_code: bool,
    *,
    junit: Path | None = None,
) -> int:
    if junit is not None:
        result.write({junit: "junit"})
    if model_card is not None:
        result.model_card(model_card)
    if slides is not None:
        result.slides(slides)
    hand_over_page(result, report, json, markdown)
    verdict = result.verdict
    return EXIT[verdict.status] if exit_code and verdict is not None else 0
