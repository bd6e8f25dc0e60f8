"""The command line: options in, one action called, files and an exit code out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from seatrial import __version__
from seatrial.app.aa_command import aa
from seatrial.app.analyze_command import analyze
from seatrial.app.audit_command import audit
from seatrial.app.bandit_command import bandit
from seatrial.app.counterfactual_command import counterfactual_app
from seatrial.app.init_command import init, suite
from seatrial.app.interleaving_command import interleaving
from seatrial.app.launches_command import launches
from seatrial.app.ledger_command import ledger_app
from seatrial.app.load_command import load
from seatrial.app.output import EXIT, ExitCode, Html, Json, Junit, Markdown, clean, hand_over, outputs
from seatrial.app.overlap_command import overlap
from seatrial.app.perturb_command import perturb
from seatrial.app.plan_command import plan, power
from seatrial.app.postmortem_command import postmortem
from seatrial.app.progress import ProgressBar
from seatrial.app.run_command import SuiteOption, gate_runs, report, run_suite, runs, show, tag
from seatrial.app.sample_command import sample
from seatrial.app.shadow_command import shadow
from seatrial.app.shift_command import shift
from seatrial.app.store_command import StoreOption, store_app
from seatrial.app.switchback_command import switchback
from seatrial.errors import DataError, SeatrialError, UsageError

USAGE, OUR_BUG, INTERRUPTED = 64, 70, 130

app = typer.Typer(
    name="seatrial",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Ship, do not ship, or cannot tell yet: compare model versions offline, test them online, with evidence.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="BASELINE CANDIDATE [MORE]...",
        help="Prediction files: CSV, TSV, JSON, JSONL, Parquet (.gz, .zst), Arrow; "
        "FILE#COLUMN picks one model of a wide file. Or stored runs of a suite.",
    ),
]
OneFile = Annotated[str, typer.Argument(metavar="PREDICTIONS", help="A prediction file, or FILE#COLUMN.")]
Metrics = Annotated[
    list[str] | None,
    typer.Option("--metric", "-m", help="A catalogue name, NAME=FORMULA or module:function; repeat for more."),
]
By = Annotated[str | None, typer.Option("--by", help="Slice by these columns: sex,age:quartiles,length(text).")]
Cross = Annotated[int, typer.Option("--cross", help="Cross slices to depth 1 or 2.")]
Cluster = Annotated[
    str | None, typer.Option("--cluster", help="Column naming rows that belong together (user, document).")
]
PolicyFile = Annotated[Path | None, typer.Option("--policy", help="YAML policy: what must hold to ship.")]
Models = Annotated[
    str | None,
    typer.Option(
        "--models", help="Which models of one file: a,b (columns of a wide file, or values of its model column)."
    ),
]
Target = Annotated[str | None, typer.Option("--target", help="Column of the truth.")]
Prediction = Annotated[str | None, typer.Option("--prediction", help="Column of the predicted label or number.")]
Score = Annotated[str | None, typer.Option("--score", help="Column of the positive class's score.")]
Id = Annotated[str | None, typer.Option("--id", help="Column that names an example; @row pairs rows by position.")]
Positive = Annotated[str | None, typer.Option("--positive", help="The positive class.")]
Weight = Annotated[str | None, typer.Option("--weight", help="Column of row weights.")]
Weights = Annotated[str, typer.Option("--weights", help="What a weight is: sampling or counts.")]
Threshold = Annotated[
    float,
    typer.Option(
        "--threshold", help="Score from which a row is predicted positive, where there is no prediction column."
    ),
]
Task = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="binary, multiclass, multilabel, regression (where the guess is wrong), entities, fields, boxes or text.",
    ),
]
Lower = Annotated[
    list[str] | None,
    typer.Option("--lower-is-better", help="A formula metric of which less is better; repeat for more."),
]
Level = Annotated[float, typer.Option("--level", help="Level of the intervals no policy decides.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of whatever is resampled.")]
Unpaired = Annotated[
    bool, typer.Option("--unpaired", help="The files hold different examples: compare them as independent samples.")
]
AllPairs = Annotated[bool, typer.Option("--all-pairs", help="Compare every pair, not only each with the baseline.")]


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"seatrial {__version__}")
        raise typer.Exit(0)


@app.command()
def compare(
    files: Files,
    store: StoreOption = None,
    metric: Metrics = None,
    by: By = None,
    cross: Cross = 1,
    cluster: Cluster = None,
    policy: PolicyFile = None,
    models: Models = None,
    target: Target = None,
    prediction: Prediction = None,
    score: Score = None,
    id: Id = None,
    positive: Positive = None,
    weight: Weight = None,
    weights: Weights = "sampling",
    threshold: Threshold = 0.5,
    task: Task = None,
    unpaired: Unpaired = False,
    all_pairs: AllPairs = False,
    lower_is_better: Lower = None,
    level: Level = 0.95,
    seed: Seed = 0,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
    junit: Junit = None,
    exit_code: ExitCode = False,
) -> int:
    """Compare versions from their predictions, or stored runs of a suite, and say whether to ship."""
    from seatrial.actions.compare import compare as action
    from seatrial.actions.references import are_runs

    if are_runs(files, store):
        return show(
            files,
            policy=policy,
            store=store,
            level=level,
            report=report,
            json=json,
            markdown=markdown,
            junit=junit,
            exit_code=exit_code,
        )
    wanted = outputs(report, json, markdown, junit)
    with ProgressBar() as bar:
        result = action(
            *files,
            metrics=metric or (),
            by=by or (),
            cross=cross,
            cluster=cluster,
            policy=policy,
            models=_models(models),
            target=target,
            prediction=prediction,
            score=score,
            id=id,
            positive=positive,
            weight=weight,
            weights=weights,
            threshold=threshold,
            task=task,
            unpaired=unpaired,
            all_pairs=all_pairs,
            lower_is_better=lower_is_better or (),
            level=level,
            seed=seed,
            progress=bar,
        )
    hand_over(result, wanted)
    return EXIT[result.verdict.status] if exit_code else 0


@app.command()
def evaluate(
    predictions: OneFile,
    metric: Metrics = None,
    by: By = None,
    cross: Cross = 1,
    cluster: Cluster = None,
    policy: PolicyFile = None,
    target: Target = None,
    prediction: Prediction = None,
    score: Score = None,
    id: Id = None,
    positive: Positive = None,
    weight: Weight = None,
    weights: Weights = "sampling",
    threshold: Threshold = 0.5,
    task: Task = None,
    lower_is_better: Lower = None,
    level: Level = 0.95,
    seed: Seed = 0,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
    junit: Junit = None,
    exit_code: ExitCode = False,
) -> int:
    """Measure one version: every metric with its interval, and its absolute bounds where a policy sets them."""
    from seatrial.actions.evaluate import evaluate as action

    wanted = outputs(report, json, markdown, junit)
    with ProgressBar() as bar:
        result = action(
            predictions,
            metrics=metric or (),
            by=by or (),
            cross=cross,
            cluster=cluster,
            policy=policy,
            target=target,
            prediction=prediction,
            score=score,
            id=id,
            positive=positive,
            weight=weight,
            weights=weights,
            threshold=threshold,
            task=task,
            lower_is_better=lower_is_better or (),
            level=level,
            seed=seed,
            progress=bar,
        )
    hand_over(result, wanted)
    return EXIT[result.verdict.status] if exit_code else 0


@app.command()
def gate(
    files: Files,
    suite: SuiteOption = None,
    store: StoreOption = None,
    policy: PolicyFile = None,
    metric: Metrics = None,
    by: By = None,
    cross: Cross = 1,
    cluster: Cluster = None,
    models: Models = None,
    target: Target = None,
    prediction: Prediction = None,
    score: Score = None,
    id: Id = None,
    positive: Positive = None,
    weight: Weight = None,
    weights: Weights = "sampling",
    threshold: Threshold = 0.5,
    task: Task = None,
    unpaired: Unpaired = False,
    lower_is_better: Lower = None,
    seed: Seed = 0,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
    junit: Junit = None,
) -> int:
    """Gate a version in CI: quiet, and the exit code is the verdict (0 pass, 1 fail, 2 inconclusive, 3 invalid).

    With --suite each side is a run, a tag, a model (NAME=ADAPTER:LOCATION) or a predictions file; what was not run on
    the suite yet is run now.
    """
    from seatrial.actions.compare import compare as action
    from seatrial.actions.references import are_runs

    if suite is not None or are_runs(files, store):
        return gate_runs(
            files, suite=suite, policy=policy, store=store, report=report, json=json, markdown=markdown, junit=junit
        )
    wanted = outputs(report, json, markdown, junit)
    result = action(
        *files,
        metrics=metric or (),
        by=by or (),
        cross=cross,
        cluster=cluster,
        policy=policy,
        models=_models(models),
        target=target,
        prediction=prediction,
        score=score,
        id=id,
        positive=positive,
        weight=weight,
        weights=weights,
        threshold=threshold,
        task=task,
        unpaired=unpaired,
        lower_is_better=lower_is_better or (),
        seed=seed,
    )
    hand_over(result, wanted, quiet=True)
    return EXIT[result.verdict.status]


@app.command()
def metrics(
    name: Annotated[str | None, typer.Argument(help="Show one metric, or those of a task.")] = None,
) -> int:
    """List the catalogue: every metric with its formula."""
    from seatrial.actions.metrics import catalogue_text

    typer.echo(catalogue_text(name), nl=False)
    return 0


@app.command()
def demo(
    what: Annotated[
        str, typer.Argument(help="models: two real models compared; experiment: a simulated A/B test.")
    ] = "models",
    report: Annotated[Path | None, typer.Option("--report", help="Where the HTML report goes.")] = None,
    folder: Annotated[Path, typer.Option("--folder", help="Where the tables of the experiment go.")] = Path(
        "seatrial-experiment"
    ),
    json: Json = None,
) -> int:
    """Run the main job on data that come with the package: models, or experiment."""
    from seatrial.actions.demo import demo as compare_models
    from seatrial.actions.demo import demo_experiment

    if what not in {"models", "experiment"}:
        raise UsageError(f"There is no demo '{what}': there are models and experiment.")
    page = report or Path("seatrial-demo.html" if what == "models" else "seatrial-experiment.html")
    wanted = outputs(page, json, None, None)
    if what == "experiment":
        typer.echo(
            f"A simulated A/B test of two rankers, 12,000 users over two weeks; its tables go to {folder}/.", err=True
        )
        with ProgressBar() as bar:
            hand_over(demo_experiment(folder, progress=bar), wanted)
        return 0
    typer.echo(
        "Adult census income: logistic regression (baseline) against gradient boosting, 16,281 people.", err=True
    )
    with ProgressBar() as bar:
        hand_over(compare_models(progress=bar), wanted)
    return 0


app.command()(init)
app.add_typer(suite, name="suite")
app.command("run")(run_suite)
app.command()(runs)
app.command()(show)
app.command()(tag)
app.command()(report)
app.add_typer(store_app, name="store")
app.add_typer(ledger_app, name="ledger")
app.command()(plan)
app.command()(power)
app.command()(analyze)
app.command()(postmortem)
app.command()(launches)
app.command()(load)
app.command()(perturb)
app.add_typer(counterfactual_app, name="counterfactual")
app.command()(audit)
app.command()(shift)
app.command()(overlap)
app.add_typer(sample, name="sample")
app.command()(aa)
app.command()(shadow)
app.command()(bandit)
app.command()(interleaving)
app.command()(switchback)


def _models(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code; whatever goes wrong is one sentence on standard error."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit code of DESIGN section 5."""
    command = typer.main.get_command(app)
    try:
        found = command.main(args=arguments, prog_name="seatrial", standalone_mode=False)
        return found if isinstance(found, int) else 0
    except SeatrialError as error:
        _say(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted; nothing was written")
        return INTERRUPTED
    except typer.Exit as stop:
        return stop.exit_code
    except MemoryError:
        _say("there is not enough memory for these data; give fewer columns, slices or rows")
        return DataError.exit_code
    except BrokenPipeError:
        return 0
    except Exception as error:
        if "Query interrupted" in str(error):  # how the engine passes on Ctrl-C
            _say("interrupted; nothing was written")
            return INTERRUPTED
        if hasattr(error, "format_message"):  # the vendored parser's usage errors
            _say(f"{error.format_message().rstrip('.?!')}. See `seatrial --help`.")
            return USAGE
        _say(
            f"this is our bug: {type(error).__name__}: {error}. Please report it with the command you ran "
            f"(SEATRIAL_DEBUG=1 shows where)."
        )
        import os

        if os.environ.get("SEATRIAL_DEBUG"):
            raise
        return OUR_BUG


def _say(sentence: str) -> None:
    typer.echo(f"seatrial: {clean(sentence)}", err=True)
