# SPDX-License-Identifier: MIT
"""
check.py METRICS_DEF PROMETHEUS_FILE JSON_FILE TRACE_FILE

The text is what the reference parser of Prometheus reads, without a series that is there
twice; it has every metric of metrics.def, with its help and type, and says what the JSON
says. The trace is one that viewers open: what has a length lies within what it is part
of, arrows begin at inserts, and merges that begin end.
"""

import json
import re
import sys

from prometheus_client.parser import text_string_to_metric_families

PREFIXES = {"LEVEL": "spine_level_", "SPINE": "spine_", "RUNTIME": "spine_runtime_", "STORE": "spine_store_"}

# What is another number a moment later.
MOVING = {"file_byte_seconds", "resident_bytes_max", "allocated_bytes"}


def defined(path):
    """(scope, field, kind, name, help) of each line of metrics.def."""
    text = re.sub(r"/\*.*?\*/", "", open(path).read(), flags=re.S)
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    string = r'((?:"[^"]*"\s*)+)\)'
    for scope, field, kind, name, help in re.findall(
            r"SPINE_(\w+)_METRIC\(\s*(\w+),\s*(\w+),\s*(\w+),\s*" + string, text):
        yield scope, field, kind, name, "".join(re.findall(r'"([^"]*)"', help))
    for scope, field, name, help in re.findall(
            r"SPINE_(\w+)_HISTOGRAM\(\s*(\w+),\s*(\w+),\s*" + string, text):
        yield scope, field, "HISTOGRAM", name, "".join(re.findall(r'"([^"]*)"', help))
    for scope, field, name, help in re.findall(
            r"SPINE_(\w+)_SIZES\(\s*(\w+),\s*(\w+),\s*" + string, text):
        yield scope, field, "SIZES", name, "".join(re.findall(r'"([^"]*)"', help))
    for scope, name, _, help in re.findall(
            r"SPINE_(\w+)_RATIO\(\s*(\w+),(.*?)" + string, text, flags=re.S):
        yield scope, name, "RATIO", name, "".join(re.findall(r'"([^"]*)"', help))


def things(scope, told):
    """(labels, values) of everything that has the metrics of `scope`."""
    if scope == "RUNTIME":
        yield {}, told["runtime"]
    elif scope == "STORE":
        yield {}, told["store"]
    elif scope == "SPINE":
        for spine in told["spines"]:
            yield {"spine": spine["name"]}, spine
    else:
        for spine in told["spines"]:
            for level, values in enumerate(spine["levels"]):
                yield {"spine": spine["name"], "level": str(level)}, values


def check_histogram(name, wanted, series):
    """Buckets with all shorter ones, a sum and a count, as JSON has them one by one."""
    unit = 1e-6 if "sum_ns" in wanted else 1024
    count = 0
    for i, more in enumerate(wanted["counts"]):
        count += more
        last = i + 1 == len(wanted["counts"])
        bounds = [dict(labels)["le"] for (sample, labels), value in series.items()
                  if sample == name + "_bucket" and value == count]
        assert ("+Inf" if last else 2**i * unit) in [b if b == "+Inf" else float(b) for b in bounds], (name, i)
    assert series[name + "_count", ()] == count, name
    wanted_sum = wanted["sum_ns"] / 1e9 if "sum_ns" in wanted else wanted["sum_bytes"]
    assert abs(series[name + "_sum", ()] - wanted_sum) <= 1e-9


def check_trace(path):
    events = json.load(open(path, encoding="utf-8"))
    tracks, started, open_merges, named, counts = {}, set(), set(), set(), {}
    for event in sorted(events, key=lambda event: (event.get("ts", -1), -event.get("dur", 0))):
        kind, thread = event["ph"], event["tid"]
        counts[kind] = counts.get(kind, 0) + 1
        assert event["pid"] == 1 and thread > 0
        if kind == "M":
            named.add(thread)
            continue
        assert thread in named and event["ts"] > 0
        if kind == "X":
            assert event["dur"] > 0
            end, stack = event["ts"] + event["dur"], tracks.setdefault(thread, [])
            while stack and stack[-1] <= event["ts"] + 1e-4:
                stack.pop()
            assert not stack or end <= stack[-1] + 1e-4, event
            stack.append(end)
        elif kind == "s":
            assert event["id"] not in started
            started.add(event["id"])
        elif kind == "t":
            assert event["id"] in started, event
        elif kind == "b":
            assert event["id"] not in open_merges
            open_merges.add(event["id"])
        elif kind == "e":
            open_merges.remove(event["id"])
        elif kind == "C":
            assert event["args"]["level"] >= 0
        else:
            assert kind == "i", kind
    assert not open_merges
    names = {event["name"] for event in events}
    assert {"insert", "slice level 1", "merge level 1", "read", "write", "batch"} <= names, names
    steps = {"checkpoint: files", "checkpoint: sync", "checkpoint: manifest", "checkpoint: remove"}
    assert steps | {"checkpoint", "restore"} <= names, names
    whole = next(event for event in events if event["name"] == "checkpoint")
    assert whole["args"]["spines"] == 2 and whole["args"]["checkpoint"] == 1 and whole["args"]["bytes"] > 0
    for event in events:
        if event["name"] in steps:
            assert event["tid"] == whole["tid"] and whole["ts"] <= event["ts"] <= whole["ts"] + whole["dur"]
    assert any(event["name"] == "spill" and event["args"]["bytes"] > 0 for event in events)
    return counts


def main():
    families, series = {}, {}
    for family in text_string_to_metric_families(open(sys.argv[2], encoding="utf-8").read()):
        assert family.name not in families, family.name + " is there twice"
        families[family.name] = family
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in series, f"{key} is there twice"
            series[key] = sample.value
    told = json.load(open(sys.argv[3], encoding="utf-8"))
    assert [spine["name"] for spine in told["spines"]] == ["", 'a "b" \\ c ä', "orders"]

    store = told["store"]
    assert store["checkpoints"] == store["restores"] == 1 and store["failed_checkpoints"] == 0
    assert store["checkpoint_sizes"]["sum_bytes"] > 0 and sum(store["checkpoint_sizes"]["counts"]) == 1
    for of in "read", "write":
        sizes, times = store[of + "_sizes"], store[of + "_times"]
        assert sum(sizes["counts"]) == sum(times["counts"]) <= store[of + "s"], of
        assert 0 < sizes["sum_bytes"] <= store[of + "_bytes"], of

    count = compared = 0
    for scope, field, kind, name, help in defined(sys.argv[1]):
        count += 1
        total = kind.startswith("TOTAL")
        family = families[PREFIXES[scope] + name]
        assert family.documentation == help, (family.name, family.documentation, help)
        assert family.type == ("counter" if total else
                               "histogram" if kind in ("HISTOGRAM", "SIZES") else "gauge"), family
        assert re.fullmatch(r"[A-Z0-9].*\.", help), help
        for labels, values in things(scope, told):
            key = family.name + "_total" * total, tuple(sorted(labels.items()))
            wanted = values[field]
            if kind in ("HISTOGRAM", "SIZES"):
                check_histogram(family.name, wanted, series)
                compared += 1
                continue
            if wanted is None:
                assert key not in series, key
                continue
            if kind.endswith("_NS"):
                wanted /= 1e9
            if field in MOVING:
                assert 0 < series[key] and 0 < wanted, (key, series[key], wanted)
                continue
            assert abs(series[key] - wanted) <= 1e-9 + 1e-9 * abs(wanted), (key, series[key], wanted)
            compared += 1
    assert count > 90 and compared > 600, (count, compared)
    assert series["spine_store_write_bytes_total", ()] > 0
    assert series["spine_store_write_seconds_count", ()] > 0
    assert series["spine_store_read_seconds_count", ()] > 0
    assert series["spine_retention_filter",
                  (("filter", 'low"keys'), ("of", "keys"), ("spine", "orders"))] == 1
    for what, level in enumerate(["none", "moderate", "high", "critical", "full"]):
        assert ("spine_runtime_pressure_seconds_total", (("pressure", level),)) in series
    print(f"{count} metrics, {compared} values; events: {check_trace(sys.argv[4])}")


main()
