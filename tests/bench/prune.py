#!/usr/bin/env python3
"""What one would write instead of pbsprune: PBS's rules over a list on stdin, a row out for each.

usage: prune.py [--parse] ZONE LAST HOURLY DAILY WEEKLY MONTHLY YEARLY

With --parse it stops when json.load has read the list: the time that the target is a share of.
Prints backup-type/backup-id/backup-time and mark, so that the results can be compared.
"""
import json
import sys
from collections import defaultdict
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

rows = json.load(sys.stdin)
if sys.argv[1] == "--parse":
    sys.exit()
zone = ZoneInfo(sys.argv[1])
counts = [int(count) for count in sys.argv[2:8]]
IDS = [
    lambda d: d.timestamp(),
    lambda d: (d.year, d.month, d.day, d.hour),
    lambda d: (d.year, d.month, d.day),
    lambda d: d.isocalendar()[:2],
    lambda d: (d.year, d.month),
    lambda d: d.year,
]
groups = defaultdict(list)
for row in rows:
    groups[row["backup-type"], row["backup-id"]].append(row)
for group in groups.values():
    group.sort(key=lambda row: -row["backup-time"])
    for place, row in enumerate(group):
        finished = any(file["filename"] == "index.json.blob" for file in row["files"])
        row["mark"] = None if finished else "remove" if place else "keep-partial"
        row["date"] = datetime.fromtimestamp(row["backup-time"], timezone.utc).astimezone(zone)
    for count, period in zip(counts, IDS):
        covered = {period(row["date"]) for row in group if row["mark"] == "keep"}
        opened = set()
        for row in group:
            if row["mark"] or row["protected"]:
                continue
            own = period(row["date"])
            if own in covered:
                continue
            if own in opened:
                row["mark"] = "remove"
            elif len(opened) == count:
                break
            else:
                opened.add(own)
                row["mark"] = "keep"
for row in rows:
    mark = "protected" if row["protected"] else row["mark"] or "remove"
    print(f'{row["backup-type"]}/{row["backup-id"]}/{row["backup-time"]} {mark}')
