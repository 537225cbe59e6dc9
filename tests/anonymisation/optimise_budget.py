#!/usr/bin/env python3
"""Finds the parts of rho that each table of a profile gets (server/anonymisation/budgets.h).

Offline, on public workloads alone: nothing that was ever recorded goes into it. Each profile has one, with what should
be known how well of it; the shares are those that make the sum of squares of half-width / target least (descent
s <- s * sqrt(-d objective / d s), which is the optimum at its fixed point), rounded to permille.

  tests/anonymisation/optimise_budget.py            prints the three tables
  tests/anonymisation/optimise_budget.py --caps     what caps lose, on simulated people
  tests/anonymisation/optimise_budget.py --code     the lines of budgets.h
"""
import itertools
import math
import random
import sys

SIZES = dict(hour=24, weekday=7, region=8, client=6, d12=12, half=2, rec=6, per=9, rtt=8, loss=8, jit=8, cause=5, caps=8)
QUALITY = {"rtt": "rtt", "loss": "loss", "jitter": "jit"}


def quality(by):
    return [(m, (axis, b)) for m, axis in QUALITY.items() for b in by]


ONE = [("people", ()), ("people", ("hour",)), ("people", ("region",)), ("people", ("client",)),
       ("people", ("d12", "half")), ("people", ("rec",)), ("people", ("per",))]
TWO = [("people", p) for p in [("hour", "region"), ("hour", "client"), ("client", "region"), ("d12", "region"),
                               ("d12", "client"), ("rec", "region"), ("rec", "client")]]
REST = [("caps", ("caps",)), ("failures", ("cause", "client")), ("late", ())]
SUMS = [("part", ()), ("part", ("region",)), ("part", ("client",)), ("part", ("hour",)),
        ("time", ()), ("time", ("region",)), ("time", ("client",)), ("time", ("hour",)),
        ("recsum", ()), ("recsum", ("region",)), ("recsum", ("client",))]
WEEK = [("people", ("weekday",)), ("people", ("weekday", "hour")), ("part", ("weekday",)), ("time", ("weekday",))]

# people, participations, hours, meetings and reconnections of one cohort; caps; what is wanted: half-widths as parts.
PROFILES = {
    "LARGE": dict(rho=.02, people=12000, part=49000, time=29400, meetings=9800, rec=15000, caps=(20, 14, 12),
                  tables=ONE + TWO + WEEK + SUMS + quality(["region", "client"]) + REST + [("meetings", ())],
                  sums_weight=2, people_target=.01, part_target=.02, time_target=.03, share_target=.04, meetings_target=.05),
    "DAILY": dict(rho=.02, people=4500, part=7000, time=4200, meetings=1400, rec=2100, caps=(6, 5, 5),
                  tables=ONE + TWO + SUMS + quality(["region", "client"]) + REST + [("meetings", ())],
                  sums_weight=2, people_target=.015, part_target=.03, time_target=.04, share_target=.05, meetings_target=.07),
    "SMALL": dict(rho=.05, people=600, part=8800, time=5300, meetings=0, rec=2600, caps=(50, 30, 20),
                  tables=ONE + [("people", ("weekday",)), ("people", ("client", "region")), ("part", ()),
                                ("part", ("client",)), ("time", ()), ("time", ("client",)), ("recsum", ())] +
                  quality(["client"]) + REST,
                  sums_weight=6, people_target=.05, part_target=.08, time_target=.08, share_target=.15, meetings_target=1),
}


def contribution(measure, p):
    return {"part": p["caps"][0], "time": p["caps"][1], "recsum": p["caps"][2], "meetings": 2, "late": 2}.get(measure, 1)


def size(axes):
    return math.prod(SIZES[a] for a in axes)


def variance(shares, p, measure, axes):
    """Of a cell of the marginal over `axes` after least squares."""
    total = 0
    for k in range(len(axes) + 1):
        for part in itertools.combinations(axes, k):
            precision = 0
            for (m, table), s in shares.items():
                if m == measure and set(part) <= set(table):
                    noise = contribution(m, p) ** 2 / (2 * p["rho"] * s)
                    precision += 1 / (noise * size(set(table) - set(part)))
            if precision == 0:
                return math.inf
            spread = math.prod(1 - 1 / SIZES[a] for a in part)
            total += spread / precision / size(set(axes) - set(part)) ** 2
    return total


def wishes(p):
    """(measure, axes, weight): the objective is the sum of weight * variance."""
    w = lambda whole, target, times=1.0: times * (1.96 / (whole * target)) ** 2
    yield "people", (), w(p["people"], p["people_target"])
    yield "part", (), w(p["part"], p["part_target"], p["sums_weight"])
    yield "time", (), w(p["time"], p["time_target"], p["sums_weight"])
    yield "people", ("client",), w(p["people"] / 5, p["share_target"], .5)
    if p["meetings"]:
        yield "meetings", (), w(p["meetings"], p["meetings_target"])
    yield "recsum", (), w(p["rec"], .15, .5)
    yield "late", (), w(p["people"], .1, .25)
    # Parts of sums: one of mean size within a half. Cells of people: an absolute size, since they are shown from
    # 10 + 3.09 sd people on.
    for measure, axes in p["tables"]:
        if measure in ("part", "time", "recsum") and axes:
            yield measure, axes, w(p[{"part": "part", "time": "time", "recsum": "rec"}[measure]] / size(axes), .5, .2)
        elif measure not in ("part", "time", "recsum", "meetings", "late"):
            bound = 12 if p["people"] < 1000 else 30
            yield measure, axes, (.6 if "half" in axes else .5 if measure == "people" and len(axes) == 2 else .2) / bound ** 2


def optimise(p):
    tables = p["tables"]
    shares = {t: 1 / len(tables) for t in tables}
    goals = list(wishes(p))
    objective = lambda s: sum(weight * variance(s, p, m, a) for m, a, weight in goals)
    for _ in range(60):
        base = objective(shares)
        slopes = {}
        for t in tables:
            moved = dict(shares)
            moved[t] *= 1.001
            slopes[t] = max((base - objective(moved)) / (.001 * shares[t]), 1e-12)
        new = {t: shares[t] * math.sqrt(slopes[t] / base) for t in tables}
        total = sum(new.values())
        shares = {t: v / total for t, v in new.items()}
    # At least five permille each, so that no table is noise alone; then whole ones that are 1,000 in all.
    least = 5
    permille = {t: max(least, round(1000 * s)) for t, s in shares.items()}
    while sum(permille.values()) != 1000:
        step = 1 if sum(permille.values()) < 1000 else -1
        movable = [t for t in tables if step > 0 or permille[t] > least]
        t = max(movable, key=lambda t: step * (1000 * shares[t] - permille[t]))
        permille[t] += step
    return {t: v / 1000 for t, v in permille.items()}


def report(name, p):
    shares = optimise(p)
    print(f"{name}: rho {p['rho']}, caps {p['caps']}")
    for (m, axes), s in sorted(shares.items(), key=lambda kv: p["tables"].index(kv[0])):
        noise = contribution(m, p) / math.sqrt(2 * p["rho"] * s)
        print(f"  {m:9}{' x '.join(axes):16}{1000 * s:5.0f}  drawn {noise:7.1f}  estimate {math.sqrt(variance(shares, p, m, axes)):7.1f}")
    half = lambda m, a, whole: 196 * math.sqrt(variance(shares, p, m, a)) / whole
    part, time = half("part", (), p["part"]), half("time", (), p["time"])
    print(f"  half-widths in percent: people {half('people', (), p['people']):.1f}, participations {part:.1f}, time {time:.1f}, "
          f"mean duration {math.hypot(part, time):.1f}, share of a client of 20 % {half('people', ('client',), p['people'] / 5):.1f}"
          + (f", meetings {half('meetings', (), p['meetings']):.1f}" if p["meetings"] else ""))


NAMES = dict(hour="Hour", weekday="Weekday", region="Region", client="Client", d12="Duration", rec="Reconnections",
             per="PerPerson", rtt="Rtt", loss="Loss", jit="Jitter")
SUM_NAMES = dict(part="Participations", time="Time", recsum="ReconnectionsSum")


def identifier(measure, axes):
    """The TableId."""
    if measure in SUM_NAMES:
        return SUM_NAMES[measure] + ("By" + NAMES[axes[0]] if axes else "")
    if measure in ("caps", "failures", "meetings"):
        return {"caps": "Caps", "failures": "FailuresByClient", "meetings": "Meetings"}[measure]
    return "By".join(NAMES[a] for a in axes if a != "half") or "People"


def code(name, p):
    print(f"// {name}")
    for (m, axes), s in optimise(p).items():
        if m == "late":
            print(f"// late: {round(1000 * s)}")
        else:
            print(f"    {{TableId::k{identifier(m, axes)}, {round(1000 * s)}}},")


def caps():
    """What caps lose: people who come every day with a chance of their own, and stay for a lognormal time."""
    rng = random.Random(1)
    for name, days, caps_of in (("DAILY", 1, (6, 5, 5)), ("LARGE", 5, (20, 14, 12)), ("SMALL", 21, (50, 30, 20))):
        all_ = [0.0] * 3
        kept = [0.0] * 3
        for _ in range(20000):
            rate = 1.13 * rng.lognormvariate(-.12, .5)
            n = hours = rec = 0
            for _ in range(days):
                for _ in range(min(20, int(rng.expovariate(1 / rate) + rng.random()))):
                    n += 1
                    hours += min(8, rng.lognormvariate(-.9, .9))
                    rec += int(rng.expovariate(1 / .35))
            for i, (value, cap) in enumerate(zip((n, hours, rec), caps_of)):
                all_[i] += value
                kept[i] += min(value, cap)
        print(name, "caps", caps_of, "lose in percent", [round(100 - 100 * k / a, 1) for k, a in zip(kept, all_)])


if __name__ == "__main__":
    if "--caps" in sys.argv:
        caps()
    elif "--code" in sys.argv:
        for profile in PROFILES.items():
            code(*profile)
    else:
        for profile in PROFILES.items():
            report(*profile)
