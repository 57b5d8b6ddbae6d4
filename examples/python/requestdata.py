"""A function that looks at its request: ``flask.request`` is there, as in a Flask view."""

from flask import jsonify, request


def main():
    return jsonify(
        method=request.method,
        path=request.path,
        query=request.args,
        headers=dict(request.headers),
        body=request.get_data(as_text=True),
    )
