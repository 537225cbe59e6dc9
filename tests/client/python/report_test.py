"""The monthly report: comparison with last year, CSV, charts, command line."""

import contextlib
import io
import math
import pathlib
import tempfile
import unittest
import xml.etree.ElementTree
from typing import Any

import grpc
import pandas

import retention_statistics
from retention_statistics import __main__, api, comparison, report
from fake_server import FakeServer, Refusal, answer_of, date_in


def month_frame(estimate: float, margin: float, cohorts: int, unit: str = "people", partial: int = 0) -> pandas.DataFrame:
    return pandas.DataFrame(
        [
            {
                "unit": unit,
                "estimate": estimate,
                "interval_low": estimate - margin,
                "interval_high": estimate + margin,
                "cohorts": cohorts,
                "cohorts_in_range": cohorts,
                "cohorts_partial": partial,
            }
        ]
    )


def change_of(before: pandas.DataFrame, now: pandas.DataFrame, metric: str = "people") -> pandas.Series:
    return retention_statistics.compare(now, before, metric, []).iloc[0]


class ComparisonTest(unittest.TestCase):
    def test_sums_are_compared_per_cohort_and_means_as_they_are(self) -> None:
        weeks = month_frame(4000, 0, 4), month_frame(5500, 0, 5)
        self.assertAlmostEqual(change_of(*weeks).change, 0.1)
        self.assertAlmostEqual(change_of(*weeks, metric="duration-mean").change, 0.375)

    def test_interval_of_a_change_holds_whatever_both_intervals_hold(self) -> None:
        change = change_of(month_frame(1000, 100, 4), month_frame(1200, 60, 4))
        self.assertAlmostEqual(change.change_low, 1140 / 1100 - 1)
        self.assertAlmostEqual(change.change_high, 1260 / 900 - 1)
        share = change_of(month_frame(0.3, 0.02, 4, "share"), month_frame(0.35, 0.01, 4, "share"), "share")
        self.assertAlmostEqual(share.change, 0.05)
        self.assertAlmostEqual(share.change_low, 0.02)
        self.assertAlmostEqual(share.change_high, 0.08)
        self.assertTrue(math.isinf(change_of(month_frame(50, 50, 4), month_frame(60, 10, 4)).change_high))

    def test_what_is_not_shown_or_of_other_cohorts_is_not_compared(self) -> None:
        hidden = month_frame(math.nan, 0, 4)
        for before, now in (
            (hidden, month_frame(100, 1, 4)),
            (month_frame(100, 1, 4), hidden),
            (month_frame(100, 1, 4), month_frame(100, 1, 30)),
            (month_frame(100, 1, 1), month_frame(100, 1, 4)),
            (month_frame(100, 1, 0), month_frame(100, 1, 4)),
            (month_frame(100, 1, 4, partial=1), month_frame(100, 1, 4)),
            (month_frame(100, 1, 4), month_frame(100, 1, 4, partial=1)),
        ):
            self.assertTrue(math.isnan(change_of(before, now).change))
        self.assertEqual(change_of(month_frame(100, 1, 28), month_frame(100, 1, 31), "duration-mean").change, 0)

    def test_days_of_a_month(self) -> None:
        for month, last in (("2026-02", 28), ("2024-02", 29), ("2026-12", 31)):
            self.assertEqual(comparison.days_of(month)[1].isoformat(), f"{month}-{last}")


def answer_of_month(request: Any) -> Any:
    """People, shares by client, and no more."""
    now = date_in(request, "first_day").year == 2026
    if api.METRICS.name(request.metric) == "people":
        return answer_of("people", [{"estimate": 4400 if now else 4000, "margin": 100}])
    if list(request.group_by) == [api.DIMENSIONS.number("client")]:
        shown = {"estimate": 0.4 if now else 0.5, "margin": 0.02}
        clients = ["phone", "web"] if now else ["web"]  # The list has grown meanwhile.
        return answer_of("share", [*({"group": [c], **shown} for c in clients), {"group": ["other"]}])
    raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "NOT_AVAILABLE")


class ReportTest(unittest.TestCase):
    def setUp(self) -> None:
        self.server = FakeServer()
        self.addCleanup(self.server.stop)
        self.server.handlers["QueryStatistics"] = answer_of_month
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def run_main(self, *arguments: str) -> int:
        self.out, self.err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(self.out), contextlib.redirect_stderr(self.err):
            return __main__.main([*arguments, "--server", self.server.address, "--output", str(self.directory)])

    def test_a_month_is_set_beside_the_same_of_last_year(self) -> None:
        with retention_statistics.Client(self.server.address) as client:
            made = retention_statistics.monthly(client, "2026-02")
        self.assertEqual((made.month, made.before), ("2026-02", "2025-02"))
        figures = made.figures.set_index(["metric", "group"])
        self.assertAlmostEqual(figures.loc[("people", ""), "change"], 0.1)
        self.assertEqual(figures.loc[("people", ""), "before_estimate"], 4000)
        self.assertAlmostEqual(figures.loc[("share", "web"), "change"], -0.1)
        self.assertTrue(math.isnan(figures.loc[("share", "phone"), "before_estimate"]))
        self.assertTrue(figures.loc[("share", "other"), "suppressed"])
        self.assertIn("duration-percentile 90", made.not_held)
        self.assertIn("share by hour", made.not_held)
        first, last = (date_in(self.server.requests[1], name).isoformat() for name in ("first_day", "last_day"))
        self.assertEqual((first, last), ("2025-02-01", "2025-02-28"))

    def test_files_are_csv_and_charts_with_error_bars(self) -> None:
        self.assertEqual(self.run_main("2026-02"), 0)
        names = sorted(path.name for path in self.directory.iterdir())
        charts = [f"2026-02-{name}.{kind}" for name in ("change", "client") for kind in ("png", "svg")]
        self.assertEqual(names, [*charts, "2026-02.csv"])
        frame = pandas.read_csv(self.directory / "2026-02.csv")
        self.assertEqual(list(frame["estimate"].dropna()), [4400, 0.4, 0.4])
        self.assertTrue((self.directory / "2026-02-client.png").read_bytes().startswith(b"\x89PNG"))
        root = xml.etree.ElementTree.parse(self.directory / "2026-02-client.svg").getroot()
        self.assertTrue(root.tag.endswith("svg"))
        self.assertIn("not in the tables of this month: participations", self.out.getvalue())

    def test_error_bars_are_the_intervals(self) -> None:
        with retention_statistics.Client(self.server.address) as client:
            made = retention_statistics.monthly(client, "2026-02")
        axes = report.share_chart(made, "client").axes[0]
        ends = [
            tuple(round(float(y), 6) for y in segment[:, 1])
            for container in axes.containers
            if container.__class__.__name__ == "ErrorbarContainer"
            for bars in container.lines[2]
            for segment in bars.get_segments()
            if len(segment) and not math.isnan(segment[0][1])
        ]
        self.assertEqual(ends, [(48.0, 52.0), (38.0, 42.0), (38.0, 42.0)])
        labels = [label.get_text() for label in axes.get_xticklabels()]
        self.assertEqual(labels, ["phone", "web", "other\n(suppressed)"])

    def test_in_a_first_year_nothing_is_compared_and_a_sentence_says_so(self) -> None:
        def answer_of_first_year(request: Any) -> Any:
            if date_in(request, "first_day").year < 2026:
                raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "NOT_AVAILABLE")
            return answer_of_month(request)

        def answer_of_empty_year(request: Any) -> Any:
            if date_in(request, "first_day").year < 2026:
                groups = [{"group": [c]} for c in ("phone", "web")] if list(request.group_by) else [{}]
                return answer_of("share" if list(request.group_by) else "people", groups, in_range=4)
            return answer_of_month(request)

        for before in (answer_of_first_year, answer_of_empty_year):
            self.server.handlers["QueryStatistics"] = before
            self.assertEqual(self.run_main("2026-02"), 0)
            names = sorted(path.name for path in self.directory.iterdir())
            self.assertEqual(names, ["2026-02-client.png", "2026-02-client.svg", "2026-02.csv"])
            self.assertIn("nothing of 2025-02 to compare with: no chart of changes\n", self.out.getvalue())

    def test_other_failures_are_said_and_exit_with_1(self) -> None:
        def refuse(_: Any) -> Any:
            raise Refusal(grpc.StatusCode.INTERNAL, "INTERNAL")

        self.server.handlers["QueryStatistics"] = refuse
        self.assertEqual(self.run_main("2026-02"), 1)
        self.assertEqual(self.err.getvalue(), "retention_statistics: INTERNAL (INTERNAL): it failed\n")
        with self.assertRaises(SystemExit):
            self.run_main("2026-13")


if __name__ == "__main__":
    unittest.main()
