"""Sums of a CSV table by its first column, as JSON."""

import io

import pandas
from flask import request


def main():
    table = pandas.read_csv(io.BytesIO(request.get_data()))
    if table.empty:
        return "send a table as CSV, with a line of names\n", 400
    return table.groupby(table.columns[0]).sum(numeric_only=True).to_dict()
