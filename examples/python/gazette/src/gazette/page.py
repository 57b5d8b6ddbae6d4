"""The function: its entry point is ``gazette.page.main``."""

from flask import request
from markdown_it import MarkdownIt

from gazette import layout

PARSER = MarkdownIt("commonmark").enable("table")


def main():
    text = request.get_data(as_text=True)
    title = next((line.lstrip("# ") for line in text.splitlines() if line.startswith("#")), "Today")
    return layout.fill(title, PARSER.render(text))
