"""Several files as one, and what is refused by name."""

import pytest

from fission.kube import config, errors

FIRST = """
clusters:
- name: shared
  cluster: {server: "https://first:1", certificate-authority: pki/ca.crt}
users:
- name: me
  user: {tokenFile: token}
contexts:
- name: one
  context: {cluster: shared, user: other, namespace: team}
"""
SECOND = """
current-context: one
clusters:
- name: shared
  cluster: {server: "https://second:1"}
- name: elsewhere
  cluster: {server: "https://elsewhere:1/", insecure-skip-tls-verify: true}
users:
- name: other
  user: {token: t}
contexts:
- name: two
  context: {cluster: elsewhere, user: me}
- name: dangling
  context: {cluster: nowhere, user: me}
- name: nobody
  context: {cluster: shared}
"""


@pytest.fixture
def both(tmp_path):
    for name, text in (("a", FIRST), ("b", SECOND)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config").write_text(text)
    (tmp_path / "a" / "token").write_text("from a file\n")
    return f"{tmp_path}/a/config:/nowhere:{tmp_path}/b/config"


async def test_files_complete_one_another_and_the_first_counts(both):
    found = config.load({"KUBECONFIG": both})

    assert (found.server, found.namespace) == ("https://first:1", "team")
    assert await found.bearer.header() == "Bearer t"


async def test_paths_are_relative_to_the_file_that_says_them(both, tmp_path):
    one = config.load({"KUBECONFIG": both})
    two = config.load({"KUBECONFIG": both}, context="two")

    assert one.tls is not None
    assert one.tls.ca_file == str(tmp_path / "a" / "pki" / "ca.crt")
    assert two.tls is not None
    assert two.tls.insecure
    assert await two.bearer.header() == "Bearer from a file"


async def test_a_context_without_a_user_is_nobody(both):
    assert await config.load({"KUBECONFIG": both}, context="nobody").bearer.header() is None


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ("three", "context 'three' does not exist; existing are dangling, nobody, one, two"),
        ("dangling", "cluster 'nowhere' does not exist; existing are elsewhere, shared"),
    ],
)
def test_a_name_that_leads_nowhere_is_told_with_those_that_do(both, context, message):
    with pytest.raises(errors.NoCluster, match=message):
        config.load({"KUBECONFIG": both}, context=context)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "no current-context is set; name one with --kube-context: none"),
        ("[]", "it is no mapping"),
        ("a: [", "cannot be read"),
        ("clusters: [1]", "clusters holds no mapping"),
    ],
)
def test_a_file_that_is_no_kubeconfig_is_named(tmp_path, text, message):
    path = tmp_path / "config"
    path.write_text(text)

    with pytest.raises((errors.NoCluster, errors.BadCredentials), match=message):
        config.load({"KUBECONFIG": str(path)})


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        ('{server: "ftp://x"}', "the server of cluster c is 'ftp://x'"),
        ('{server: "https://x", proxy-url: "http://p"}', "proxy-url is not supported"),
        ('{server: "https://x", certificate-authority-data: "%"}', "context x"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(tmp_path, cluster, message):
    path = tmp_path / "config"
    path.write_text(
        f"current-context: x\nclusters: [{{name: c, cluster: {cluster}}}]\n"
        "contexts: [{name: x, context: {cluster: c}}]\n"
    )

    with pytest.raises(errors.BadCredentials, match=message):
        config.load({"KUBECONFIG": str(path)})
