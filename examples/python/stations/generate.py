"""Print a module with what a CSV table holds: one dictionary, found by the first column."""

import csv
import pprint
import sys

with open(sys.argv[1], newline="") as table:
    places = {row.pop("code"): row for row in csv.DictReader(table)}
print(f'"""Made by generate.py."""\n\nPLACES = {pprint.pformat(places)}')
