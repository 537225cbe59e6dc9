"""retention_statistics.Client against a server in the same process."""

import datetime
import math
import subprocess
import sys
import unittest

import grpc

import retention_statistics
from retention_statistics import api
from fake_server import FakeServer, Refusal, answer_of, date_in

FIRST, LAST = datetime.date(2026, 3, 30), datetime.date(2026, 4, 30)


class ClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.server = FakeServer()
        self.addCleanup(self.server.stop)
        self.client = retention_statistics.Client(self.server.address)
        self.addCleanup(self.client.close)

    def test_query_has_figure_interval_unit_and_coverage_of_every_row(self) -> None:
        rows = [{"group": ["2026-W14", "fra"], "estimate": 1234.25, "margin": 50.5}, {"group": ["2026-W14", "other"]}]
        self.server.handlers["QueryStatistics"] = lambda _: answer_of("people", rows, cohorts=4, in_range=5)
        frame = self.client.query("people", FIRST, LAST, group_by=["week", "region"], filter="client = web")
        self.assertEqual(list(frame.columns), ["week", "region", *retention_statistics.FIGURE_COLUMNS])
        shown, hidden = frame.iloc[0], frame.iloc[1]
        self.assertEqual((shown.week, shown.region, shown.unit), ("2026-W14", "fra", "people"))
        self.assertEqual((shown.estimate, shown.interval_low, shown.interval_high), (1234.25, 1183.75, 1284.75))
        self.assertEqual((shown.suppressed, shown.people, shown.certainty), (False, 1234.25, 0.9995))
        self.assertEqual((shown.cohorts, shown.cohorts_in_range), (4, 5))
        self.assertTrue(hidden.suppressed)
        for name in ("estimate", "interval_low", "interval_high", "noise_stddev", "people", "certainty", "in_time"):
            self.assertTrue(math.isnan(hidden[name]), name)
        self.assertEqual(hidden.threshold, 79.5)
        self.assertEqual(frame.attrs["tables"], ["people/total", "people/region"])
        self.assertEqual(frame.attrs["coverage"]["cohorts_in_range"], 5)
        asked = self.server.requests[0]
        self.assertEqual(asked.metric, api.METRICS.number("people"))
        self.assertEqual([api.DIMENSIONS.name(d) for d in asked.group_by], ["week", "region"])
        self.assertEqual(asked.filter, "client = web")
        self.assertEqual((date_in(asked, "first_day"), date_in(asked, "last_day")), (FIRST, LAST))

    def test_query_takes_all_pages(self) -> None:
        def page(request: object) -> object:
            second = request.page_token == "second"  # type: ignore[attr-defined]
            rows = [{"group": ["fra" if second else "ams"], "estimate": 500, "margin": 50}]
            return answer_of("people", rows, token="" if second else "second")

        self.server.handlers["QueryStatistics"] = page
        frame = self.client.query("people", FIRST, LAST, group_by=["region"])
        self.assertEqual(list(frame["region"]), ["ams", "fra"])

    def test_percentile_goes_with_the_question(self) -> None:
        self.server.handlers["QueryStatistics"] = lambda _: answer_of("milliseconds", [{"estimate": 48, "margin": 3}])
        self.client.query("rtt", FIRST, LAST, percentile=95)
        self.assertEqual(self.server.requests[0].percentile, 95)

    def test_unknown_names_are_told_with_those_that_there_are(self) -> None:
        with self.assertRaisesRegex(ValueError, "no metric 'mood'; one of people, participations"):
            self.client.query("mood", FIRST, LAST)
        with self.assertRaisesRegex(ValueError, "no dimension 'shoe-size'; one of hour, region"):
            self.client.query("people", FIRST, LAST, group_by=["shoe-size"])
        self.assertEqual(self.server.requests, [])

    def test_what_no_table_holds_is_told_with_what_comes_near(self) -> None:
        def refuse(_: object) -> object:
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION, "NOT_AVAILABLE", dimension="weekday", nearest="hour,region;client"
            )

        self.server.handlers["QueryStatistics"] = refuse
        with self.assertRaises(retention_statistics.StatisticsError) as caught:
            self.client.query("people", FIRST, LAST, group_by=["hour", "weekday"])
        error = caught.exception
        self.assertEqual((error.code, error.reason), ("FAILED_PRECONDITION", "NOT_AVAILABLE"))
        self.assertEqual((error.failing, error.nearest), (["weekday"], [["hour", "region"], ["client"]]))
        self.assertEqual(str(error), "FAILED_PRECONDITION (NOT_AVAILABLE): it failed")

    def test_a_server_that_is_unavailable_is_tried_again(self) -> None:
        left = [1, 2]

        def come_up(_: object) -> object:
            if left:
                left.pop()
                raise Refusal(grpc.StatusCode.UNAVAILABLE, "STARTING")
            return answer_of("people", [])

        self.server.handlers["QueryStatistics"] = come_up
        self.client.query("people", FIRST, LAST)
        self.assertEqual(len(self.server.requests), 3)

    def test_export_has_every_cell_with_its_place_and_variance(self) -> None:
        part = api.service_message("ExportStatisticsResponse")
        head = part()
        head.cohort.first_day.CopyFrom(api.to_date(FIRST))
        head.cohort.last_day.CopyFrom(api.to_date(FIRST + datetime.timedelta(days=6)))
        head.cohort.profile = api.PROFILES.number("large")
        head.cohort.media_sites.append("fra")
        body = part()
        body.table.table.name, body.table.table.unit = "people/client_by_region", "people"
        for name, values in (("client", ["web", "phone", "other"]), ("region", ["fra", "other"])):
            body.table.table.dimensions.add(dimension=api.DIMENSIONS.number(name), values=values)
        body.table.estimates.extend([1.5, 2, 3, 4, 5, -6])
        body.table.drawn.extend([1, 2, 3, 4, 5, -7])
        body.table.drawn_variance, body.table.estimate_variance = 289, 225.5
        ended = part()  # A month whose cohorts have ended: nothing is left as it was drawn.
        ended.table.table.name = "people/total"
        ended.table.estimates.append(70)
        self.server.handlers["ExportStatistics"] = lambda _: [head, body, ended]
        export = self.client.export(FIRST, LAST)
        self.assertEqual(export.cohorts.iloc[0].profile, "large")
        self.assertEqual(export.cohorts.iloc[0].media_sites, ("fra",))
        self.assertTrue(math.isnan(export.cohorts.iloc[0].late_people))
        self.assertEqual(len(export.cells), 7)
        last = export.cells.iloc[5]
        self.assertEqual((last.dimension_1, last.value_1, last.dimension_2, last.value_2),
                         ("client", "other", "region", "other"))
        self.assertEqual((last.drawn, last.drawn_variance, last.estimate, last.estimate_variance),
                         (-7, 289, -6, 225.5))
        self.assertEqual(export.cells.iloc[3].value_1, "phone")
        self.assertEqual((export.cells.iloc[6].value_1, export.cells.iloc[6].estimate), ("", 70))
        self.assertTrue(math.isnan(export.cells.iloc[6].drawn))

    def test_export_that_breaks_is_no_export(self) -> None:
        def break_off(_: object) -> object:
            head = api.service_message("ExportStatisticsResponse")()
            head.cohort.first_day.CopyFrom(api.to_date(FIRST))
            head.cohort.last_day.CopyFrom(api.to_date(FIRST))
            yield head
            raise Refusal(grpc.StatusCode.DATA_LOSS, "DATA_CORRUPT")

        self.server.handlers["ExportStatistics"] = break_off
        with self.assertRaises(retention_statistics.StatisticsError) as caught:
            self.client.export(FIRST, LAST)
        self.assertEqual((caught.exception.code, caught.exception.reason), ("DATA_LOSS", "DATA_CORRUPT"))

    def test_tables_questions_and_guarantee(self) -> None:
        tables = api.service_message("ListTablesResponse")(schema_version=2, rho_per_cohort=0.02, profile=1)
        table = tables.tables.add(name="people/region", unit="people", cell_count=2, noise_stddev=17)
        table.dimensions.add(dimension=api.DIMENSIONS.number("region"), values=["fra", "other"])
        tables.questions.add(metric=1, dimensions=[api.DIMENSIONS.number("region")])
        self.server.handlers["ListTables"] = lambda _: tables
        frame = self.client.tables()
        self.assertEqual(frame.iloc[0].dimensions, {"region": ["fra", "other"]})
        self.assertEqual((frame.attrs["profile"], frame.attrs["rho_per_cohort"]), ("large", 0.02))
        self.assertEqual(tuple(self.client.questions().iloc[0]), ("people", ("region",)))
        promise = api.service_message("GetGuaranteeResponse")(profile=3, delta=1e-7, least_people=10)
        promise.settling.seconds = 172800
        promise.over_time.add(days=30, cohorts=1, rho=0.05, epsilon=1.6, guess_right_at_most=0.56)
        promise.promises.append("Nobody is told apart.")
        self.server.handlers["GetGuarantee"] = lambda _: promise
        guarantee = self.client.guarantee()
        self.assertEqual((guarantee.profile, guarantee.settling.days), ("small", 2))
        self.assertEqual(guarantee.over_time.iloc[0].epsilon, 1.6)
        self.assertEqual(guarantee.promises, ("Nobody is told apart.",))


class PackageTest(unittest.TestCase):
    def test_no_module_of_google_is_shadowed_nor_registered(self) -> None:
        program = (
            "import sys, retention_statistics\n"
            "from google.protobuf import descriptor_pool\n"
            "assert not {'google.rpc', 'google.type', 'retention'} & set(sys.modules), sys.modules\n"
            "try:\n"
            "    descriptor_pool.Default().FindFileByName('google/type/date.proto')\n"
            "except KeyError:\n"
            "    print('none')\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "none\n")


if __name__ == "__main__":
    unittest.main()
