from fission.contracts import activity

PAGE = """\
# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.
process_start_time_seconds 1.7e+09
fission_function_calls_total{function_namespace="default",function_name="f",path="/f",code="200"} 3.0
fission_function_calls_total{function_namespace="default",function_name="f",path="/f",code="500"} 1.0
fission_function_calls_total{function_namespace="other",function_name="g",path="/g",code="200"} 9.0
fission_function_errors_total{function_namespace="default",function_name="f",path="/f",code="500"} 1.0
fission_function_overhead_seconds_bucket{function_namespace="default",function_name="f",le="0.1"} 8.0
fission_function_duration_seconds_bucket{function_namespace="default",function_name="f",le="0.1"} 2.0
fission_function_duration_seconds_bucket{function_namespace="default",function_name="f",le="+Inf"} 4.0
fission_function_duration_seconds_sum{function_namespace="default",function_name="f"} 1.5
fission_function_cold_starts_total{function_namespace="default",function_name="f"} 2.0
fission_router_routes 2.0
"""  # noqa: E501

F = activity.Counts("default", "f", 4.0, 1.0, {"0.1": 2.0, "+Inf": 4.0}, 2.0)


def test_a_page_as_numbers_by_function():
    found = activity.read("router-1", PAGE)

    assert found.started == 1.7e9
    assert found.functions == [F, activity.Counts("other", "g", 9.0)]
    assert activity.read("router-1", PAGE, "default").functions == [F]


def test_what_was_read_travels():
    processes = [activity.read("router-1", PAGE), activity.Process("executor-1")]

    assert activity.decode(activity.encode(processes)) == processes
