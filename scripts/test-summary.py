#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-summary.py TESTLOG STATUS: counts the results in meson's testlog.json.

Names what failed and what was skipped, also single test cases that a passing
TAP test skipped, and ends with "N passed, N failed[, N skipped]". The exit
status is 0 if nothing failed, something passed and meson's own STATUS is 0.
"""
import json
import re
import sys

PASSED = {"OK", "EXPECTEDFAIL"}
SKIP_LINE = re.compile(r"^ok\s+\d+\s+(?:-\s+)?(.*?)\s*#\s*SKIP\s*(.*)$", re.MULTILINE)


def main(path, status):
    passed, failed, skipped, partly = [], [], [], []
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            tests = [json.loads(line) for line in log if line.strip()]
    except FileNotFoundError:
        tests = []
    for test in tests:
        name, result = test["name"].partition(":")[2].replace(" / ", "/"), test["result"]
        cases = SKIP_LINE.findall(test.get("stdout", ""))
        if result in PASSED:
            passed.append(name)
            partly += [f"{name} {case}: {why}" for case, why in cases]
        elif result == "SKIP":
            why = "; ".join(sorted({why for _, why in cases if why}))
            if not cases:
                why = (test.get("stdout", "") + test.get("stderr", "")).strip().split("\n")[-1]
            skipped.append(f"{name}: {why}" if why else name)
        else:
            failed.append(f"{name}: {result.lower()}")

    for title, names in (("Skipped cases", partly), ("Skipped", skipped), ("Failed", failed)):
        if names:
            print(f"\n{title}:")
            print("\n".join("  " + name for name in names))
    if not tests:
        print("no test ran")
    print(f"\n{len(passed)} passed, {len(failed)} failed"
          + (f", {len(skipped)} skipped" if skipped else ""))
    return 1 if failed or not tests or status else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
