"""The page around the text."""

import html
import string

PAGE = string.Template("<!doctype html>\n<title>$title</title>\n$content")


def fill(title: str, content: str) -> str:
    return PAGE.substitute(title=html.escape(title), content=content)
