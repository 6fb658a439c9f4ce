"""`farview evaluate attribution`: which channels and which touches conversions owe something to."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import JsonOut, Seed, TimeZone, WindowDays
from cli.report_files import check_folder, json_path, write_json

_METHODS = {
    "first": "first touch",
    "last": "last touch",
    "linear": "linear",
    "markov_removal": "Markov removal",
    "model_removal": "model removal",
}


def evaluate_attribution(
    *,
    touchpoints: Annotated[Path, typer.Option("--touchpoints", help="CSV, CSV.gz or Parquet.", show_default=False)],
    model: Annotated[
        str, typer.Option("--model", help="Whose removal effect: lstm, gru, transformer, markov or markov2.")
    ] = "lstm",
    window_days: WindowDays = 7.0,
    json_out: JsonOut = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", metavar="DIR", help="Draw credit and positions, as PNG.")
    ] = None,
    time_zone: TimeZone = "UTC",
    seed: Seed = 0,
) -> None:
    """Credit conversions to channels by five methods side by side, and to positions by removal.

    Rules of thumb share out the conversions there are; a removal asks how many would be lost without the touches.

    Example: farview evaluate attribution --touchpoints touchpoints.csv.gz --model markov2
    """
    from cli.console import out, print_json, progress
    from jobs.attribute_conversions import AttributionSpec, attribute_conversions
    from jobs.touchpoint_file import read_touchpoints

    written = json_path(json_out)
    check_folder("--pictures", pictures)
    with progress() as bar:
        bar.start(f"read {touchpoints.name}")
        file = read_touchpoints(touchpoints, {}, time_zone)
        report = attribute_conversions(file.log, None, AttributionSpec(time_zone, window_days, model, seed), bar)
    drawn = [] if pictures is None else _draw(pictures, report)
    report["protocol"] |= {"touchpoints": touchpoints.name, "rejected_rows": file.rejected_rows}
    if json_out == "-":
        print_json(report)
        return
    if written is not None:
        write_json(written, report)
    for part in _views(report):
        out.print(part)
    for path in drawn:
        out.print(f"Drawn: {path}", markup=False)


def _draw(folder: Path, report: dict[str, Any]) -> list[Path]:
    """Two PNG files in a folder, which is made where there is none."""
    from farview.pictures.attribution import draw_credit, draw_positions
    from farview.pictures.canvas import write

    folder.mkdir(parents=True, exist_ok=True)
    low, high = (f"{100 * level:.0f}" for level in report["protocol"]["interval"])
    interval, channels = f"{low} - {high} %", report["channels"]
    pictures = {
        "credit.png": draw_credit(
            list(channels["first"]), {title: _credit(channels[name]) for name, title in _METHODS.items()}, interval
        ),
        "positions.png": draw_positions(list(report["positions"]), _credit(report["positions"]), interval),
    }
    for name, picture in pictures.items():
        write(picture, folder / name)
    return [folder / name for name in pictures]


def _credit(figures: dict[str, dict[str, float]]) -> Any:
    """Conversions with the ends of their interval, as arrays."""
    import numpy as np

    return tuple(np.array([figure[key] for figure in figures.values()]) for key in ("conversions", "lower", "upper"))


def _views(report: dict[str, Any]) -> list[Any]:
    from cli.console import table

    protocol, channels = report["protocol"], report["channels"]
    names = list(channels["first"])
    shares = [[name, *(f"{100 * channels[method][name]['share']:.1f} %" for method in _METHODS)] for name in names]
    low, high = (f"{100 * level:.0f}" for level in protocol["interval"])
    removal = channels["model_removal"]
    lost = [[name, _interval(removal[name])] for name in names]
    places = [[place, _interval(figure)] for place, figure in report["positions"].items()]
    said = f"conversions lost ({low} - {high} %)"
    return [
        f"{protocol['conversions']:,} conversions on {protocol['paths']:,} paths; a path is a customer's touches since "
        "the conversion before.",
        table("Credit for conversions", ["channel", *_METHODS.values()], shares),
        table(f"Without the channel, by {protocol['model']}", ["channel", said], lost),
        table(f"Without the touch at a position, by {protocol['model']}", ["position on the path", said], places),
        f"Evidence: {protocol['evidence']}. A removal is an effect only as far as the model's hazards are: who was "
        "touched by what must not depend on anything unseen. Intervals: customers drawn anew, the model as it is.",
    ]


def _interval(figure: dict[str, float]) -> str:
    return f"{figure['conversions']:,.1f} ({figure['lower']:,.1f} - {figure['upper']:,.1f})"
