"""What a whole report says of known generators, and whether two of its lines contradict one another.

    python examples/benchmarks/report_words.py --write

Nine generators on each of six real sets in which rules are found. Half of a set, at most 500 rows, is what a generator
was trained on, the other half is unseen: unseen real rows; two rows per class over and over; training rows with a
thousandth of noise; columns shuffled one by one; uniform noise; unseen rows of which a fifth breaks a rule; unseen rows
of which one class comes from its upper half in one column; 14 unseen rows; one row over and over. Of each report the
verdict, the headline and the lights are compared with what is known, and its lines with one another. Needs the data
sets in ../shared/data.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shlex
import sys
import warnings
import zlib

import numpy as np
import pandas as pd
from common import OUT, ROOT, machine, versions
from diagnoses import collapsed, copying, halves, shuffled, take, untrained

from ganaug import find_rules, quality_report
from ganaug.metrics.diagnosis import VERDICTS
from ganaug.metrics.limits import LIMITS, SEVERITIES, families_of

PAGE, CACHE = ROOT / "docs" / "diagnoses.md", OUT / "report_words.json"
START, END = "<!-- report words -->", "<!-- end of report words -->"
SETS = ["thyroid_sick", "page_blocks", "adult", "telco_churn", "shuttle", "nsl_kdd"]


# ---- The generators: from both halves to (X, y) --------------------------------------------------


def good(train, unseen, rng):
    return unseen


def rule_breaking(train, unseen, rng):
    """Unseen rows in which the first column of one rule is exchanged among rows of its class, in as few as will do."""
    X, y = unseen
    rules = find_rules(train[0])
    for share in (0.2, 0.5, 1.0):
        for rule in rules:
            values = X[rule.columns[0]].copy()
            for label in y.unique():
                own = np.flatnonzero(y == label)
                own = own[rng.random(len(own)) < share]
                values.iloc[own] = X[rule.columns[0]].iloc[rng.permutation(own)].array
            changed = X.assign(**{rule.columns[0]: values})
            if rule.kind != "missing" and rules.check(changed)["share"].max() > 0.05:
                return changed, y
    raise SystemExit("no rule of this set can be broken by exchanging values")


def skewed(train, unseen, rng):
    """Rows of the most frequent class come from its upper half in the column of numbers with the most values."""
    X, y = unseen
    numbers = [name for name in X if pd.api.types.is_numeric_dtype(X[name]) and X[name].notna().mean() > 0.8]
    name = max(numbers, key=lambda one: X[one].nunique())
    own = np.flatnonzero(y == y.mode()[0])
    upper = own[(X[name].iloc[own] > X[name].iloc[own].median()).to_numpy()]
    others = np.setdiff1d(np.arange(len(X)), own)
    rows = np.concatenate([others, upper])
    return take(X, rows), y.iloc[rows].reset_index(drop=True)


def tiny(train, unseen, rng):
    X, y = unseen
    rows = np.concatenate([np.flatnonzero(y == label)[:7] for label in y.value_counts().index[:2]])
    return take(X, rows), y.iloc[rows].reset_index(drop=True)


def one_row(train, unseen, rng):
    X, y = unseen
    return take(X, np.zeros(400, int)), y.iloc[np.zeros(400, int)].reset_index(drop=True)


# generator -> (samples, verdicts that are right, how bad, words of which the headline holds some, lights that must not
# be good)
CASES = {
    "unseen real rows": (good, {"good", "utility"}, {"good", "warn"}, "look good", ()),
    "collapsed": (collapsed, {"collapse"}, {"bad"}, "have collapsed", ("fidelity", "diversity")),
    "copying": (copying, {"copying"}, {"bad"}, "copy the training rows", ("privacy",)),
    "shuffled columns": (shuffled, {"dependence"}, {"bad"}, "do not belong together", ("fidelity", "diversity")),
    "uniform noise": (untrained, {"untrained"}, {"bad"}, "do not look like the real ones", ("fidelity", "diversity")),
    "rule-breaking": (rule_breaking, {"rules"}, {"bad"}, "break rules", ("fidelity",)),
    "skewed class": (
        skewed,
        {"marginals", "class skew"},
        {"warn", "bad"},
        "single column|in every class",
        ("fidelity",),
    ),
    "14 rows": (tiny, {"few rows", "collapse"}, {"warn"}, "", ()),
    "one row repeated": (one_row, {"collapse"}, {"bad"}, "have collapsed", ("fidelity", "diversity")),
}


def contradictions(report):
    """Lines of one report that cannot both be right, in words."""
    content, found, summary = report.to_dict(), report.findings, report.summary
    lines = []
    worst = min((f.severity for f in found), key=SEVERITIES.index)
    if content["severity"] != worst or content["verdict"] != found[0].topic:
        lines.append("severity or verdict are not those of the findings")
    if worst == "bad" and found[0].severity != "bad":
        lines.append("the first finding is milder than another")
    for family, light in report.lights.items():
        said = [f.severity for f in found if family in families_of(f) and f.severity != "good"]
        if said and light != min(said, key=SEVERITIES.index):
            lines.append(f"the light of {family} is {light}, its worst finding {said}")
        if not said and light in ("warn", "bad"):
            lines.append(f"the light of {family} is {light} without a finding")
    for finding in found:
        for one in finding.judged:
            limit = LIMITS[one.name]
            if one.told not in finding.text or (one.value > one.limit) != limit.above:
                lines.append(f"{finding.topic}: {one.told} is not beyond {one.limit}, or is not told")
    topics = {f.topic for f in found}
    if "good" in topics and (worst == "bad" or topics & (set(VERDICTS) - {"good", "few rows"})):
        lines.append("good, and something is wrong")
    if "no test found a problem" in summary and "bad" in report.lights.values():
        lines.append("the headline knows of no problem, a light does")
    if "No sign was found that they give training" in summary and report.lights["privacy"] == "bad":
        lines.append("the headline knows of no copies, the light of privacy does")
    if {"marginals", "dependence"} <= topics and ("right one by one" in str(report) or "right values" in summary):
        lines.append("columns are right one by one, and off")
    broken = [one for one in content["rules"] if one["broken"]]
    rules = any(f.topic == "rules" for f in found)
    hidden = bool(topics & {"collapse", "untrained"}) and worst == "bad"
    if any(one["synthetic"] - one["real"] > LIMITS["rules"].bad for one in broken) and not rules and not hidden:
        lines.append("a rule is broken, and no finding tells it")
    for one in content["columns"]:
        told = [f.severity for f in found if "fidelity" in families_of(f)]
        if one["light"] == "bad" and "bad" not in told:
            lines.append(f"column {one['name']} is a problem, the table is none")
    return lines


def look(name):
    """Generator to the verdict, its severity, what is wrong with the words, and the headline."""
    train, unseen = halves(name)
    said = {}
    for case, (make, topics, severities, words, lights) in CASES.items():
        rng = np.random.default_rng(zlib.crc32(case.encode()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = quality_report(make(train, unseen, rng), *train, verbose=False)
        first = report.findings[0]
        wrong = contradictions(report)
        if first.topic not in topics or first.severity not in severities:
            wrong.append(f"the verdict is {first.topic} ({first.severity})")
        if not any(word in report.summary for word in words.split("|")):
            wrong.append(f"the headline does not say {words!r}")
        wrong += [f"the light of {family} is good" for family in lights if report.lights[family] == "good"]
        said[case] = {"verdict": f"{first.topic} ({first.severity})", "wrong": wrong, "text": str(report)}
        print(f"{name:20}{case:18}{said[case]['verdict']:22}{'; '.join(wrong)}", flush=True)
    return said


def page(found):
    lines = ["| generator | " + " | ".join(found) + " |", "| --- |" + " --- |" * len(found)]
    lines += [f"| {case} | " + " | ".join(found[name][case]["verdict"] for name in found) + " |" for case in CASES]
    wrong = [
        f"- *{name}, {case}*: {'; '.join(one['wrong'])}."
        for name in found
        for case, one in found[name].items()
        if one["wrong"]
    ]
    today = datetime.date.today().isoformat()
    command = shlex.join(["python", "examples/benchmarks/report_words.py", *sys.argv[1:]])
    n = sum(len(found[name]) for name in found)
    told = (
        f"Of {n} reports, {n - len(wrong)} have the right verdict, headline and lights, and no two lines that "
        "contradict one another."
    )
    versions_ = versions("ganaug", "numpy", "pandas", "scikit-learn")
    parts = [START, "", *lines, "", told, "", *([*wrong, ""] if wrong else []), "```bash", command, "```", ""]
    return "\n".join([*parts, f"{today}, {machine()}. {versions_}.", "", END])


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", metavar="NAME", default=SETS)
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.relative_to(ROOT)}")
    parser.add_argument("--again", action="store_true", help=f"forget what {CACHE.relative_to(ROOT)} holds")
    args = parser.parse_args(arguments)
    found = {} if args.again or not CACHE.exists() else json.loads(CACHE.read_text())
    CACHE.parent.mkdir(exist_ok=True)
    for name in args.sets:
        if name not in found:
            found[name] = look(name)
            CACHE.write_text(json.dumps(found, indent=1))
    made = page({name: found[name] for name in args.sets})
    print(made)
    if args.write:
        before, rest = PAGE.read_text().split(START)
        PAGE.write_text(before + made + rest.split(END)[1])


if __name__ == "__main__":
    main()
