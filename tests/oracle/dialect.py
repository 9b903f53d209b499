"""What fail2ban's own readers make of configuration directories, as JSON.

usage: dialect.py DIRECTORY..., with fail2ban's package on PYTHONPATH
"""

import glob
import json
import logging
import os
import sys

from fail2ban.client.configreader import ConfigReader, DefinitionInitConfigReader
from fail2ban.client.actionreader import ActionReader
from fail2ban.client.filterreader import FilterReader
from fail2ban.client.jailreader import JailReader
from fail2ban.client.jailsreader import JailsReader
from fail2ban.server.action import CommandAction

LATER = CommandAction._escapedTags | {"timeout", "bantime"}
ONCE = ("prefregex", "datepattern", "maxlines", "usedns")


def leave_as_text(reader, opts, kinds):
    """The conversion to numbers and truths is not part of the language."""


DefinitionInitConfigReader.convertOptions = leave_as_text


def rules(stream):
    """The state in which a jail is after the commands."""
    state = {"failregex": [], "ignoreregex": [], "journalmatch": []}
    for command in stream:
        values = command[3] if command[0] == "multi-set" else command[3:]
        option = command[2]
        if option in ("addfailregex", "addignoreregex"):
            state[option[3:]] += values
        elif option == "addjournalmatch":
            state["journalmatch"].append(values)
        elif option in ONCE:
            state[option] = str(values[0])
    return state


def modes(directory, share, name):
    reader = FilterReader(name, "", {}, share_config=share, basedir=directory)
    try:
        reader.read()
        names = reader.options("Definition")
    except Exception:
        return [None]
    return [None] + sorted({n[len("mdre-"):] for n in names if n.startswith("mdre-")})


def filters(directory):
    share, cases = {}, []
    files = glob.glob(os.path.join(directory, "filter.d", "*.conf"))
    for name in sorted(os.path.basename(path)[:-len(".conf")] for path in files):
        for mode in modes(directory, share, name):
            for backend, logtype in (("auto", None), ("systemd", None), ("auto", "short"),
                                     ("auto", "rfc5424")):
                given = {}
                if mode is not None:
                    given["mode"] = mode
                if logtype is not None:
                    given["logtype"] = logtype
                case = {"filter": name, "backend": backend, "given": dict(given)}
                try:
                    reader = FilterReader(name, "jail", given, share_config=share,
                                          basedir=directory)
                    reader.read()
                    reader.applyAutoOptions(backend)
                    reader.getOptions({})
                    case["rules"] = rules(reader.convert())
                except Exception as wrong:
                    case["wrong"] = repr(wrong)
                cases.append(case)
    return cases


def action(jail, found):
    if not isinstance(found, ActionReader):
        return {"name": found[3], "options": json.loads(found[5])}
    combined = found.getCombined(ignore=LATER)
    own = {k: v for k, v in combined.items() if not k.startswith("known/") and v is not None}
    return {"name": found.getName(), "options": own}


def jails(directory):
    reader = JailsReader(share_config={}, basedir=directory)
    reader.read()
    cases = []
    for name in [name for name in reader.sections() if name != "INCLUDES"]:
        case = {"jail": name}
        jail = JailReader(name, force_enable=True, share_config=reader.share_config,
                          use_config=reader._cfg)
        try:
            read(jail, case)
        except Exception as wrong:
            case = {"jail": name, "wrong": repr(wrong)}
        cases.append(case)
    return cases


def read(jail, case):
    if not jail.getOptions():
        case["wrong"] = jail.options["config-error"]
        return
    raw = ConfigReader.getOptions(jail, jail.getName(), JailReader._configOpts, convert=False)
    case["options"] = {k: str(v) for k, v in raw.items() if v is not None}
    stream = []
    if jail._JailReader__filter:
        stream.extend(jail._JailReader__filter.convert())
    FilterReader._fillStream(stream, jail.options, jail.getName())
    case["rules"] = rules(stream)
    case["actions"] = [action(jail, a) for a in jail._JailReader__actions]


def everything(directory):
    try:
        return {"filters": filters(directory), "jails": jails(directory)}
    except Exception as wrong:
        return {"wrong": repr(wrong)}


logging.disable(logging.CRITICAL)
json.dump([everything(directory) for directory in sys.argv[1:]], sys.stdout)
