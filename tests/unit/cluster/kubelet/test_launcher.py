from fission.cluster.kubelet import binding, images, launcher

ENV = images.Image(name="env", root="/e", match=("env",), entry="m:f", ports={"http-env": 8888})
FETCHER = images.Image(
    name="f", root="/f", match=("f",), entry="m:f", ports={"http-fetcher": 8000}, confined=False
)
BUNDLE = images.Image(
    name="b", root="/b", match=("b",), entry="m:f", ports={"http": 8888, "in": 8889}, confined=False
)
IMAGES = {"env": ENV, "f": FETCHER, "b": BUNDLE}


def ports_of(*containers, inits=()):
    pod = {"spec": {"containers": list(containers), "initContainers": list(inits)}}
    return binding.ports_of(pod, lambda c: IMAGES.get(c.get("image", "")))


def a_container(name, image, *ports):
    return {"name": name, "image": image, "ports": [dict(p) for p in ports]}


def test_an_image_serves_its_own_ports_beside_those_of_the_spec():
    found = ports_of(a_container("a", "env"), a_container("b", "f", {"containerPort": 8000}))

    assert found == {"a": {8888: "http-env"}, "b": {8000: "http-fetcher"}}


def test_the_specs_name_and_number_win():
    assert ports_of(a_container("a", "env", {"name": "http-env", "containerPort": 9000})) == {
        "a": {9000: "http-env"}
    }
    assert ports_of(a_container("a", "other", {"containerPort": 80})) == {"a": {80: "port-80"}}


def test_a_platform_container_that_declares_ports_serves_only_those():
    assert ports_of(a_container("a", "b", {"name": "http", "containerPort": 8000})) == {
        "a": {8000: "http"}
    }
    assert ports_of(a_container("a", "b")) == {"a": {8888: "http", 8889: "in"}}


def test_a_port_belongs_to_one_container_and_never_to_an_init_container():
    found = ports_of(
        a_container("one", "env"),
        a_container("two", "env"),
        a_container("three", "", {"name": "x", "containerPort": 8888}),
        inits=[a_container("init", "env")],
    )

    assert found == {"one": {}, "two": {}, "three": {8888: "x"}}


def test_limits():
    asked = {"limits": {"memory": "64Mi", "cpu": "250m"}, "requests": {"cpu": "0.1"}}
    found = launcher.limits_of({"resources": asked})

    assert (found.memory_bytes, found.cpu_millis) == (64 * 1024**2, 250)
    assert found.cpu_request_millis == 100
    assert launcher.limits_of({}).memory_bytes is None
