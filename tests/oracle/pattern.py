"""What Python's re finds: for each line [pattern, text] of the input, a line with null when there is
no match, "error" when it is no pattern, or the spans of the whole and of the groups with a name, in
bytes of UTF-8."""

import json
import re
import sys
import warnings

warnings.simplefilter("ignore")


def span(text, found, group):
    start, end = found.span(group)
    return None if start < 0 else [len(text[:start].encode()), len(text[:end].encode())]


for row in sys.stdin:
    pattern, text = json.loads(row)
    try:
        found = re.search(pattern, text)
    except re.error:
        print('"error"')
        continue
    if found is None:
        print("null")
        continue
    groups = {name: span(text, found, name) for name in found.re.groupindex}
    print(json.dumps({"whole": span(text, found, 0), "groups": groups}))
