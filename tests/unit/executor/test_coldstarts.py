from fission.api import function_types
from fission.executor import coldstarts


def a_function(name):
    function = function_types.Function()
    function.metadata.namespace, function.metadata.name = "default", name
    return function


def test_starts_are_counted_until_their_function_goes():
    starts = coldstarts.ColdStarts()
    for name in ("f", "g", "f"):
        starts.count(a_function(name))
    assert dict(starts.items()) == {("default", "f"): 2, ("default", "g"): 1}

    starts.changed(a_function("g"), a_function("g"))
    starts.changed(a_function("f"), None)
    assert dict(starts.items()) == {("default", "g"): 1}
