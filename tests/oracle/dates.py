"""Asks fail2ban's own DateDetector for the dates of lines.

Reads jobs from stdin, one JSON object a line: the zone of the host, fail2ban's logtimezone and
datepattern, and lines with the time at which each is read. Writes for each job a line of JSON: for
each of its lines null, or the part that is cut out and the time.
"""

import json
import os
import sys
import time
import types

from fail2ban.server import strptime

# Which years %ExY takes depends on the year in which fail2ban is started. The lines are those of 2026.
strptime.timeRE["ExY"] = r"(?P<Y>20[012]\d)"

from fail2ban.server import datedetector  # noqa: E402
from fail2ban.server.mytime import MyTime  # noqa: E402


def answer(detector, now, line):
    MyTime.setTime(now)
    datedetector.time = types.SimpleNamespace(time=lambda: now)
    found = detector.matchTime(line)
    if not found[0]:
        return None
    start, end = found[0].span(1)
    if start < 0 or start == end:
        return [max(start, 0), max(end, 0), None]
    try:
        date = detector.getTime(line[start:end], found)
    except Exception:
        date = None
    return [start, end, date and date[0]]


def run(job):
    os.environ["TZ"] = job["local"]
    time.tzset()
    detector = datedetector.DateDetector()
    detector.default_tz = job["zone"]
    for pattern in job["patterns"]:
        detector.appendTemplate(pattern)
    answers = [answer(detector, now, line) for now, line in job["lines"]]
    order = [template.name for template in detector.templates]
    return json.dumps({"answers": answers, "order": order})


# The weight of a template is set when the standard ones are loaded.
datedetector.DateDetector().addDefaultTemplate()
for text in sys.stdin:
    # Each job gets a process that has seen no other: mktime and the templates remember.
    reading, writing = os.pipe()
    if os.fork() == 0:
        with os.fdopen(writing, "w") as pipe:
            pipe.write(run(json.loads(text)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        print(pipe.read(), flush=True)
    os.wait()
