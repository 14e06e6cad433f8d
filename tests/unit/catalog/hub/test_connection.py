"""The way to a hub: certificates, proxies, redirects, and answers that make no sense."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bancada.catalog.hub.client import HubClient
from bancada.catalog.hub.connection import HubConnection
from bancada.catalog.hub.rules import HubRules, origin_of, read_rules
from bancada.core.errors import BancadaError, Canceled
from bancada.core.seal import is_loopback
from bancada.storage import settings
from bancada.storage.database import Database
from hub_server import Fault, HubServer, hub_server
from unit.catalog.hub.conftest import QUICK

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILE = {"rfilename": "a.gguf", "size": 3, "lfs": {"sha256": "a" * 64, "size": 3}}


def ask(rules: HubRules, question: Callable[[HubClient], Any], *, stop: bool = False) -> Any:
    with HubConnection(rules, None, lambda: stop) as connection:
        return question(HubClient(connection))


def refusal(rules: HubRules, question: Callable[[HubClient], Any]) -> BancadaError:
    with pytest.raises(BancadaError) as caught:
        ask(rules, question)
    return caught.value


def search(client: HubClient) -> Any:
    return client.search("one")


def repo(client: HubClient) -> Any:
    return client.repo("org/one")


@pytest.fixture
def rules(hub: HubServer) -> HubRules:
    return HubRules(hub.url, patience=QUICK)


@pytest.fixture
def tls_hub(tmp_path: Path) -> Iterator[tuple[HubServer, Path]]:
    """A hub with a certificate of an authority of its own, and the authority's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An office")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = tmp_path / "ca.pem", tmp_path / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    with hub_server() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        yield server, certificate


def test_an_authority_of_the_office(tls_hub: tuple[HubServer, Path], tmp_path: Path) -> None:
    server, certificate = tls_hub
    server.add("org/one", {"a.gguf": b"x"})
    rules = HubRules(server.url.replace("http:", "https:"), patience=QUICK)
    assert refusal(rules, search).code == "network.certificate"
    found = ask(replace(rules, ca_file=str(certificate)), search)
    assert [one.repo for one in found] == ["org/one"]
    (tmp_path / "no.pem").write_text("no certificate", encoding="utf-8")
    wrong = replace(rules, ca_file=str(tmp_path / "no.pem"))
    assert refusal(wrong, search).code == "hub.ca_file_invalid"


def test_a_proxy(hub: HubServer) -> None:
    """The hub's name is nobody's here: only the proxy is asked."""
    hub.add("org/one", {"a.gguf": b"x"})
    rules = HubRules("http://hub.example", sealed=False, proxy=hub.url, patience=QUICK)
    assert ask(rules, repo).files[0].path == "a.gguf"
    assert hub.asked[0][0].startswith("http://hub.example/api/")
    assert refusal(replace(rules, sealed=True), repo).code == "network.sealed"
    refused = replace(rules, endpoint="https://hub.example")
    assert refusal(refused, repo).code == "network.proxy_refused"


def test_redirects_that_reach_inside(hub: HubServer, rules: HubRules) -> None:
    outside = HubRules("http://hub.example", sealed=False, proxy=hub.url, patience=QUICK)
    hub.add("org/one", {"a.gguf": b"x"})
    url = f"{outside.endpoint}/org/one/resolve/main/a.gguf"
    hub.faults["a.gguf"] += [Fault(redirect=hub.url + "/x"), Fault(redirect="https://[::1]/x")]
    for _ in range(2):
        with HubConnection(outside, None, lambda: False) as connection:
            with pytest.raises(BancadaError) as caught, connection.open(url, {}):
                pass
            assert caught.value.code == "hub.redirect_refused"


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[" * 100_000,
        [],
        {},
        {"sha": "main", "siblings": []},
        {"sha": COMMIT},
        {"sha": COMMIT, "siblings": [1]},
        {"sha": COMMIT, "siblings": [{"rfilename": ""}]},
        {"sha": COMMIT, "siblings": [{"rfilename": "a"}]},
        {"sha": COMMIT, "siblings": [{"rfilename": "a", "size": -1}]},
        {"sha": COMMIT, "siblings": [{"rfilename": "a", "size": 1e400}]},
        {"sha": COMMIT, "siblings": [{"rfilename": "\ud800", "size": 1}]},
        {"sha": COMMIT, "siblings": [{"rfilename": "x" * 2000, "size": 1}]},
        {"sha": COMMIT, "siblings": [FILE] * 20_001},
    ],
)
def test_answers_that_make_no_sense(hub: HubServer, rules: HubRules, answer: Any) -> None:
    hub.always["/api/models/org/one/revision/main"] = answer
    assert refusal(rules, repo).code == "hub.bad_answer"


def test_answers_that_are_odd_but_usable(hub: HubServer, rules: HubRules) -> None:
    hub.always["/api/models/org/one/revision/main"] = {
        "sha": COMMIT,
        "gated": "auto",
        "tags": ["license:mit", 5, None],
        "cardData": "none",
        "lastModified": 7,
        "siblings": [FILE, {"rfilename": "b", "size": None, "lfs": {"size": 9, "sha256": "zz"}}],
    }
    info = ask(rules, repo)
    assert (info.license, info.gated, info.updated_at) == ("mit", True, "")
    assert [(one.size_bytes, one.sha256[:1]) for one in info.files] == [(3, "a"), (9, "")]
    hub.always[f"/api/models/org/one/revision/{'b' * 40}"] = {"sha": COMMIT, "siblings": []}
    assert refusal(rules, lambda client: client.repo("org/one", "b" * 40)).code == "hub.bad_answer"
    hub.always["/api/models"] = {"error": "x"}
    assert refusal(rules, search).code == "hub.bad_answer"
    hub.always["/api/models"] = [{"id": "../x"}, {"id": "a/b", "downloads": True, "likes": "x"}, 7, {}]
    (hit,) = ask(rules, search)
    assert (hit.repo, hit.downloads, hit.likes) == ("a/b", 0, 0)


def test_a_repository_that_is_not_there(hub: HubServer, rules: HubRules) -> None:
    assert refusal(rules, repo).code == "hub.not_found"
    hub.add("org/one", {"a.gguf": b"x"})
    assert refusal(rules, lambda client: client.repo("org/one", "none")).code == "hub.revision_not_found"


def test_a_server_that_is_not_there(rules: HubRules) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    nobody = replace(rules, endpoint=f"http://127.0.0.1:{port}")
    assert refusal(nobody, search).code == "network.unreachable"
    with pytest.raises(Canceled):
        ask(nobody, search, stop=True)


def test_rules_come_from_the_settings(database: Database) -> None:
    with pytest.raises(BancadaError) as caught:
        read_rules(database)
    assert caught.value.code == "network.sealed"
    settings.set(database, "network.sealed", value=False)
    assert read_rules(database).endpoint == "https://huggingface.co"
    settings.set(database, "hub.endpoint", " http://mirror.office:8765/ ")
    settings.set(database, "hub.bandwidth_kb_per_s", 250)
    settings.set(database, "hub.proxy", "http://proxy:3128")
    rules = read_rules(database)
    assert (rules.endpoint, rules.bytes_per_s) == ("http://mirror.office:8765", 250_000)
    assert (rules.proxy, rules.sealed) == ("http://proxy:3128", False)
    for bad in ("http://a b", "http://x:99999", "http://[", "http://x:0", "http://x\n", "http://x?q=1"):
        settings.set(database, "hub.endpoint", bad)
        with pytest.raises(BancadaError) as caught:
            read_rules(database)
        assert caught.value.code == "hub.endpoint_invalid"
    assert origin_of("nothing") == ""
    assert origin_of("https://A.b/c") == "https://a.b:443"


def test_what_is_this_machine() -> None:
    ours = (
        "localhost",
        "LOCALHOST.",
        "x.localhost",
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "[::1]",
        "::ffff:127.0.0.1",
    )
    theirs = (
        "",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "0.0.0.0",
        "10.0.0.1",
        "::",
        "2130706433",
    )
    assert all(is_loopback(one) for one in ours)
    assert not any(is_loopback(one) for one in theirs)
    assert json.dumps([is_loopback("fe80::1%eth0")]) == "[false]"
