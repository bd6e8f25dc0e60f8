"""`seatrial load`: how long answers take as more requests arrive, and where the service level breaks."""

from typing import Annotated

import typer

from seatrial.app.output import EXIT, ExitCode, Html, Json, Markdown, hand_over_page


def load(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="NAME=ADAPTER:LOCATION, as in api=http:http://127.0.0.1:8000/predict."),
    ],
    data: Annotated[str, typer.Argument(metavar="DATA|SUITE", help="Rows to make requests of: a table, or a suite.")],
    rates: Annotated[str | None, typer.Option("--rates", help="Requests a second, one step each: 5,10,20,50.")] = None,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", help="How long each rate lasts; else as 600 requests take, 10 to 120."),
    ] = None,
    trace: Annotated[
        str | None, typer.Option("--trace", help="Arrivals to replay: a file with a column of seconds or ISO times.")
    ] = None,
    speed: Annotated[float, typer.Option("--speed", help="Replay a trace so many times as fast.")] = 1.0,
    time: Annotated[str | None, typer.Option("--time", help="Column of the trace with the arrival times.")] = None,
    row: Annotated[str | None, typer.Option("--row", help="Column of the trace with the id of the row asked.")] = None,
    window: Annotated[float | None, typer.Option("--window", help="Seconds of a trace measured together.")] = None,
    sla: Annotated[
        list[str] | None,
        typer.Option("--sla", help="What must hold: p95=300 (ms), p99=0.5s, errors=1%; repeat for more."),
    ] = None,
    case: Annotated[str | None, typer.Option("--case", help="Case of the suite; else the first.")] = None,
    inputs: Annotated[str | None, typer.Option("--inputs", help="Columns handed to the model: text,age.")] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", help="For language models: the text sent, with {column} in it.")
    ] = None,
    arrivals: Annotated[str, typer.Option("--arrivals", help="Gaps between requests: poisson or even.")] = "poisson",
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds after which a request has failed.")] = 30.0,
    settle: Annotated[
        float | None, typer.Option("--settle", help="Seconds at the start of a rate that do not count; else a tenth.")
    ] = None,
    trust_pickle: Annotated[
        bool, typer.Option("--trust-pickle", help="Load a model file that can run code of its own.")
    ] = False,
    level: Annotated[float, typer.Option("--level", help="Level of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the arrivals and the order of the rows.")] = 0,
    report: Html = None,
    json: Json = None,
    markdown: Markdown = None,
    exit_code: ExitCode = False,
) -> int:
    """Put a load on a model, open-loop: percentiles of the response time against load, where a service level breaks."""
    from seatrial.actions.load import load as action
    from seatrial.app.output import outputs
    from seatrial.app.progress import ProgressBar

    outputs(report, json, markdown, None)
    with ProgressBar() as progress:
        result = action(
            model,
            data,
            rates=rates,
            trace=trace,
            seconds=seconds,
            sla=tuple(sla or ()),
            case=case,
            inputs=inputs,
            prompt=prompt,
            arrivals=arrivals,
            speed=speed,
            time=time,
            row=row,
            window=window,
            timeout=timeout,
            settle=settle,
            trust_pickle=trust_pickle,
            level=level,
            seed=seed,
            progress=progress,
        )
    hand_over_page(result, report, json, markdown)
    return EXIT[result.verdict.status] if exit_code and result.verdict is not None else 0
