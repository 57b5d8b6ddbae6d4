"""Where a station is; the module ``places`` is made by the build."""

import places
from flask import request


def main():
    code = request.args.get("code", "")
    if code not in places.PLACES:
        return f"no station {code!r}; there are {', '.join(places.PLACES)}\n", 404
    return places.PLACES[code]
