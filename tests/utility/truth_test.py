"""The truth that utility is measured against, on events whose truth is known."""

import unittest
from typing import Any, Dict, List, Tuple

import truth

ROOM = ("pbx-1", "room-1")
NINE = 1767600000.0  # Monday, 5 January 2026, 09:00 in Berlin


def event(minute: float, kind: str, participant: str = "a", room: Tuple[str, str] = ROOM, **content: Any) -> Any:
    inner: Dict[str, Any] = {} if kind == "meeting_ended" else {"participant_id": participant, **content}
    return room, NINE + minute * 60, kind, inner


def joined(minute: float, participant: str = "a", **content: Any) -> Any:
    content.setdefault("email", f"{participant}@example.org")
    return event(minute, "participant_joined", participant, client_kind="web", media_site="fra", **content)


def left(minute: float, participant: str = "a") -> Any:
    return event(minute, "participant_left", participant)


def runs(*events: Any) -> List[Tuple[int, int]]:
    """Minute of begin and length in minutes."""
    return sorted((int((r.begin - NINE) // 60), int(r.seconds // 60)) for r in truth.fold(events))


class FoldTest(unittest.TestCase):
    def test_who_comes_back_soon_goes_on_and_their_absence_does_not_count(self) -> None:
        self.assertEqual(runs(joined(0), left(10), joined(30), left(50)), [(0, 30)])

    def test_who_comes_back_late_begins_anew_whoever_else_was_there(self) -> None:
        others = [joined(0, "b"), left(200, "b")]
        self.assertEqual(runs(joined(0), left(10), joined(71), left(80), *others), [(0, 10), (0, 200), (71, 9)])

    def test_who_never_left_was_there_until_their_own_last_sign(self) -> None:
        sample = event(25, "media_quality_sampled", rtt_ms=40)
        self.assertEqual(runs(joined(0), sample, joined(5, "b"), left(60, "b")), [(0, 25), (5, 55)])

    def test_the_end_of_a_meeting_ends_all(self) -> None:
        self.assertEqual(runs(joined(0), event(40, "meeting_ended"), joined(41), left(45)), [(0, 40), (41, 4)])

    def test_order_of_lines_does_not_matter(self) -> None:
        events = [joined(0), left(10), joined(30), left(50)]
        self.assertEqual(runs(*events), runs(*reversed(events)))

    def test_a_person_is_the_first_that_a_join_tells(self) -> None:
        def person(**told: str) -> str:
            return truth._person_of({"participant_id": "p", **told}, ROOM)

        self.assertEqual(person(email="A@example.org", extension="12"), "email a@example.org")
        self.assertEqual(person(user_id="u", email="a@example.org"), "user_id u")
        self.assertEqual(person(extension="12"), "extension pbx-1 12")
        self.assertNotEqual(person(), truth._person_of({"participant_id": "p"}, ("pbx-1", "room-2")))


class CountTest(unittest.TestCase):
    def setUp(self) -> None:
        events = [joined(0), left(10), joined(100), left(130), joined(0, "b"), left(60, "b"), event(5, "media_quality_sampled", rtt_ms=40)]
        self.records = truth.records_of(truth.fold(events))

    def figures(self, metric: str, *keys: str, caps: truth.Caps = truth.Caps(9, 9e9, 9), percentile: float = 0) -> Any:
        frame = truth.truth_of(truth.weigh(self.records, "week", caps), metric, keys, keys, percentile)
        return dict(zip(map(tuple, frame[list(keys)].to_numpy()), frame["truth"])) if keys else frame["truth"][0]

    def test_everybody_is_one_in_all(self) -> None:
        self.assertEqual(self.figures("people"), 2)
        self.assertEqual(self.figures("people", "hour"), {("09",): 1.5, ("10",): 0.5})
        self.assertEqual(self.figures("share", "hour"), {("09",): 0.75, ("10",): 0.25})

    def test_sums_are_capped(self) -> None:
        self.assertEqual(self.figures("participations"), 3)
        self.assertEqual(self.figures("participations", caps=truth.Caps(1, 9e9, 9)), 2)
        self.assertEqual(self.figures("total-time"), (40 + 60) * 60)
        self.assertEqual(self.figures("total-time", caps=truth.Caps(9, 1800, 9)), 2 * 1800)
        self.assertEqual(self.figures("duration-mean"), 100 * 60 / 3)

    def test_percentiles_weigh_people(self) -> None:
        self.assertEqual(self.figures("duration-percentile", percentile=20), 600)
        self.assertEqual(self.figures("duration-percentile", percentile=50), 1800)
        self.assertEqual(self.figures("duration-percentile", percentile=51), 3600)
        self.assertEqual(self.figures("rtt", percentile=50), 40)

    def test_people_by_quality_are_those_with_samples(self) -> None:
        weighed = truth.weigh(self.records, "week", truth.Caps(9, 9e9, 9))
        weighed["named"] = truth.bucket_names(weighed["rtt"], ["0-19", "20+"])
        frame = truth.truth_of(weighed, "people", ["rtt"], ["named"])
        self.assertEqual(dict(zip(frame["named"], frame["truth"])), {"0-19": 0, "20+": 1})

    def test_calendar(self) -> None:
        row = self.records.iloc[0]
        self.assertEqual((row.day, row.week, row.weekday, row.month), ("2026-01-05", "2026-W02", "mon", "2026-01"))

    def test_buckets_are_named_by_where_they_begin(self) -> None:
        names = truth.bucket_names(self.records["seconds"], ["0-599", "600-1799", "1800", "1801+"])
        self.assertEqual(sorted(names), ["1800", "1801+", "600-1799"])


if __name__ == "__main__":
    unittest.main()
