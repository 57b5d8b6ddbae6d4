"""Answers what the promises ask, by path."""

import answers
import flask


def main():
    """Call the answer that is named as the path is."""
    return answers.BY_PATH.get(flask.request.path, answers.hello)()
