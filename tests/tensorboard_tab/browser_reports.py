"""Reports in a browser, with other data than they were written with."""

import base64
import gzip
import json
import re

from browser_runs import HOSTILE
from browser_tools import Page


def open_report(browser, path, **options):
    """The report without any network."""
    opened = Page(browser, "about:blank", **options)
    opened.context.set_offline(True)
    opened.page.goto(path.as_uri())
    return opened


def report_of(report, path, runs):
    """The report with other data."""
    before, _, after = re.split(r'(?<=id="topology-data">)(.*?)(?=</script>)', report.read_text("utf-8"), maxsplit=1)
    path.write_text(before + json.dumps({"runs": runs}).replace("<", "\\u003c") + after, encoding="utf-8")
    return path


def report_with(report, path, change):
    """A report whose payloads went through a function."""
    data = re.search(r'(?<=id="topology-data">).*?(?=</script>)', report.read_text("utf-8"))[0]
    run = json.loads(data)["runs"]["version_1"]
    for i, step in enumerate(run["steps"]):
        payload = json.loads(gzip.decompress(base64.b64decode(step["payload"])))
        change(i, payload)
        step["payload"] = encoded(payload)
    return report_of(report, path, {HOSTILE: run})


def encoded(payload):
    return base64.b64encode(gzip.compress(json.dumps(payload).encode())).decode()
