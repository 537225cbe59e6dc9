"""The monthly report as files: figures as CSV, and charts whose error bars are the 95 % intervals."""

from __future__ import annotations

import csv
import pathlib
from typing import Any, List, Sequence, Tuple

import numpy
import pandas
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .comparison import Comparison

FORMATS = ("png", "svg")
_NOW, _BEFORE = "#1f77b4", "#b0b0b0"
_INTERVAL_STYLE = {"fmt": "none", "ecolor": "black", "capsize": 3, "linewidth": 1}


def write_report(report: Comparison, directory: pathlib.Path, formats: Sequence[str] = FORMATS) -> List[pathlib.Path]:
    """Writes MONTH.csv, MONTH-change.FORMAT and MONTH-DIMENSION.FORMAT for each dimension. Returns what it wrote.

    Without `has_changes`, as in a platform's first year, there is no MONTH-change.
    """
    directory.mkdir(parents=True, exist_ok=True)
    written = [directory / f"{report.month}.csv"]
    # Whatever a spreadsheet splits at.
    report.figures.to_csv(written[0], index=False, quoting=csv.QUOTE_NONNUMERIC)
    charts: List[Tuple[str, Figure]] = []
    if not report.figures.empty:
        if has_changes(report):
            charts.append(("change", change_chart(report)))
        dimensions = [name for name in report.figures["dimension"].unique() if name]
        charts.extend((name, share_chart(report, name)) for name in dimensions)
    for name, figure in charts:
        FigureCanvasAgg(figure)
        for kind in formats:
            written.append(directory / f"{report.month}-{name}.{kind}")
            figure.savefig(written[-1], format=kind)
    return written


def has_changes(report: Comparison) -> bool:
    """Whether of any figure of the whole platform it is known how it changed since last year."""
    return not report.figures.empty and bool(_of_platform(report)["change"].notna().any())


def change_chart(report: Comparison) -> Figure:
    """How the figures of the whole platform changed since last year; those of which that is not known are named.

    REQUIRES: `has_changes`.
    """
    figures = _of_platform(report)
    percentiles = figures["percentile"].map(lambda p: "" if numpy.isnan(p) else f" {p:g}")
    names = (figures["metric"] + percentiles).tolist()
    figure = Figure(figsize=(8, 1 + 0.4 * max(len(names), 1)), layout="constrained")
    axes = figure.add_subplot()
    at = numpy.arange(len(names))
    axes.axvline(0, color="black", linewidth=0.5)
    axes.plot(figures["change"] * 100, at, "o", color=_NOW)
    _draw_intervals(axes, at, figures["change_low"] * 100, figures["change_high"] * 100, "x")
    axes.set_yticks(at, [n if known else f"{n} (not known)" for n, known in zip(names, figures["change"].notna())])
    axes.invert_yaxis()
    axes.set_xlabel(f"change from {report.before} to {report.month} in %, sums per cohort; bars: 95 % interval")
    return figure


def share_chart(report: Comparison, dimension: str) -> Figure:
    """The shares of a dimension's values, this year beside last. What is suppressed has no bar, and says so."""
    figures = report.figures[report.figures["dimension"] == dimension]
    figure = Figure(figsize=(max(6.0, 0.45 * len(figures) + 2), 4), layout="constrained")
    axes = figure.add_subplot()
    at = numpy.arange(len(figures))
    for prefix, offset, color, label in (("before_", -0.2, _BEFORE, report.before), ("", 0.2, _NOW, report.month)):
        axes.bar(at + offset, figures[prefix + "estimate"] * 100, 0.4, color=color, label=label)
        low, high = figures[prefix + "interval_low"] * 100, figures[prefix + "interval_high"] * 100
        _draw_intervals(axes, at + offset, low, high, "y")
    labels = [
        f"{group}\n(suppressed)" if suppressed else str(group)
        for group, suppressed in zip(figures["group"], figures["suppressed"])
    ]
    axes.set_xticks(at, labels, rotation=45, ha="right")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("share of people in %; bars: 95 % interval")
    axes.set_title(f"By {dimension}")
    axes.legend()
    return figure


def _of_platform(report: Comparison) -> pandas.DataFrame:
    return report.figures[report.figures["dimension"] == ""]


def _draw_intervals(axes: Any, at: Any, low: pandas.Series, high: pandas.Series, along: str) -> None:
    """Error bars from low to high, where both are known: matplotlib fails on those of which not one is (StopIteration).

    The estimate need not be in the middle, nor within: near the threshold it can lie above.
    """
    known = (numpy.isfinite(low.astype(float)) & numpy.isfinite(high.astype(float))).to_numpy()
    if not known.any():
        return
    middle, half = ((low + high) / 2)[known], ((high - low) / 2)[known]
    if along == "x":
        axes.errorbar(middle, at[known], xerr=half, **_INTERVAL_STYLE)
    else:
        axes.errorbar(at[known], middle, yerr=half, **_INTERVAL_STYLE)
