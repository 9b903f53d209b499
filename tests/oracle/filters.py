"""What fail2ban itself says to its own sample logs: one JSON object for each filter in each of its
variants, with a verdict for each line; and for each filter one more over the logs of all the others.

Usage: filters.py PACKAGE_ROOT NOW, with TZ set. PACKAGE_ROOT is where Debian's package is unpacked,
NOW the time in seconds that both are to take for now.
"""

import itertools
import json
import logging
import os
import re
import sys

root, now = sys.argv[1], float(sys.argv[2])
package = os.path.join(root, "usr/lib/python3/dist-packages")
sys.path.insert(0, package)
logging.disable(logging.CRITICAL)

from fail2ban.server.mytime import MyTime  # noqa: E402

MyTime.setTime(now)

from fail2ban.client.filterreader import FilterReader  # noqa: E402
from fail2ban.server.filter import FileFilter  # noqa: E402

CONFIG = os.path.join(root, "etc/fail2ban")
LOGS = os.path.join(package, "fail2ban/tests/files/logs")


def options_in(log):
    """The options that the sample log asks for."""
    for line in log:
        found = re.match(r"^#+ ?filterOptions:(.+)$", line)
        if found:
            options = json.loads(found.group(1))
            yield from options if isinstance(options, list) else [options]


def modes_of(name):
    with open(os.path.join(CONFIG, "filter.d", name + ".conf"), encoding="utf-8") as file:
        return re.findall(r"(?m)^mdre-(?!.*-other)([\w-]+)\s*=", file.read())


def names():
    """The filters that can be used by themselves."""
    for file in sorted(os.listdir(os.path.join(CONFIG, "filter.d"))):
        name, ending = os.path.splitext(file)
        if ending == ".conf" and not name.endswith("common") and name != "botsearch-common":
            yield name


def variants(name, log):
    asked = list(options_in(log)) or [{}]
    for options, mode in itertools.product(asked, [None, *modes_of(name)]):
        yield {**options, **({"mode": mode} if mode else {})}


def reader_of(name, options):
    known = {key: value for key, value in options.items() if not key.startswith("test.")}
    reader = FilterReader(name, "oracle", known, share_config={}, basedir=CONFIG)
    assert reader.read()
    reader.getOptions({}, all=True)
    return reader


def filter_of(reader):
    made = FileFilter(None)
    made.returnRawHost = True
    made.checkFindTime = False
    made.active = True
    given = {"failregex": [], "ignoreregex": [], "prefregex": None, "maxlines": 1,
             "datepattern": None, "logtimezone": None, "usedns": "warn"}
    for command in reader.convert():
        action = command[2]
        values = command[3] if command[0] == "multi-set" else command[3:]
        key = {"addfailregex": "failregex", "addignoreregex": "ignoreregex"}.get(action, action)
        if isinstance(given.get(key), list):
            given[key].extend(values)
        elif key in given:
            given[key] = values[0]
    made.setMaxLines(int(given["maxlines"]))
    if given["datepattern"]:
        made.setDatePattern(given["datepattern"])
    if given["prefregex"]:
        made.prefRegex = given["prefregex"]
    for regex in given["failregex"]:
        made.addFailRegex(regex)
    for regex in given["ignoreregex"]:
        made.addIgnoreRegex(regex)
    return made, given


def judge(made, line, as_journal):
    seen = {}

    def find(tuple_line, date, **more):
        seen.update(parts=tuple_line, time=date)
        return type(made).findFailure(made, tuple_line, date, **more)

    ignored = []
    made.findFailure = find
    made.onIgnoreRegex = lambda index, _: ignored.append(index)
    matched = []
    for regex in made._Filter__failRegex:
        regex._matchCache = None
    found = made.processLine(("", str(now), line), now) if as_journal else made.processLine(line)
    matched = [n for n, regex in enumerate(made._Filter__failRegex) if regex.hasMatched()]
    verdict = {"verdict": "none", "before": seen["parts"][0], "after": seen["parts"][2],
               "date": seen["parts"][1], "time": seen["time"]}
    if found:
        index, host, time, fields = found[0]
        verdict.update(verdict="failure", regex=index, id=str(host), time=time,
                       user=fields.get("user") and str(fields["user"]))
    elif ignored:
        verdict.update(verdict="ignored")
    elif matched:
        verdict.update(verdict="helper", regex=matched[0])
    return verdict


def run(name, options, lines):
    made, _ = filter_of(reader_of(name, options))
    as_journal = options.get("logtype") == "journal"
    prefix = options.get("test.prefix-line", "") if as_journal else ""
    lines = [prefix + line for line in lines]
    verdicts = [judge(made, line, as_journal) for line in lines]
    print(json.dumps({"filter": name, "options": options, "journal": as_journal,
                      "lines": lines, "verdicts": verdicts}))


def lines_of(log):
    return [line.rstrip("\r\n") for line in log if not line.startswith("#") and line.strip()]


def main():
    logs = {}
    for name in sorted(os.listdir(LOGS)):
        path = os.path.join(LOGS, name)
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                logs[name] = file.readlines()
    everything = [line for log in logs.values() for line in lines_of(log)]
    for name in names():
        for log in (log for log in logs if log == name or log == name + "-journal"):
            for options in variants(name, logs[log]):
                run(name, options, lines_of(logs[log]))
        run(name, {}, everything)


main()
