"""Where webhooks may go: nowhere inside, however the address is written or changes, unless the operator allows it."""

import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flowapp.integrations.webhooks import addresses, posting
from flowapp.integrations.webhooks.addresses import BadTarget

LOOPBACK = ["127.0.0.0/8"]


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.8", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.1.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "2002:7f00:1::", "64:ff9b::7f00:1", "2001:0:7f00:1::", "fe80::1%1"),
        "::7f00:1",
    ],
)
def test_addresses_inside_are_refused(address):
    with pytest.raises(BadTarget):
        addresses.refuse(address, [])


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_addresses_of_the_open_internet_are_not(address):
    addresses.refuse(address, [])
    with pytest.raises(BadTarget, match="https"):
        addresses.refuse(address, LOOPBACK, secure=False)


def test_what_the_operator_allows_is_allowed_and_nothing_beside_it():
    addresses.refuse("127.0.0.1", LOOPBACK, secure=False)
    with pytest.raises(BadTarget):
        addresses.refuse("10.0.0.1", LOOPBACK)
    with pytest.raises(BadTarget):
        addresses.refuse("::ffff:127.0.0.1", LOOPBACK)


@pytest.mark.parametrize(
    "url",
    [
        *("https://2130706433/", "https://0177.0.0.1/", "https://0x7f.1/", "https://127.1/", "https://127.0.0.1/"),
        *("https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://0x7f000001./", "http://example.com/"),
        *(
            "//example.com",
            "https:///x",
            "https://user@example.com/",
            "https://example.com/#x",
            "https://example.com:0/",
        ),
        "example.com",
        *("https://example.com:99999/", "https://exa mple.com/", "https://example.com\\@127.0.0.1/", "https://a\nb/"),
        *("gopher://example.com/", "https://" + "a" * 2000 + "/", "", "https://[::1", "https://%31%32%37.0.0.1/"),
    ],
)
def test_urls_that_nothing_is_sent_to(url):
    with pytest.raises(BadTarget):
        addresses.parse(url, [])


def test_a_url_is_taken_apart():
    target = addresses.parse("https://Exämple.com:8443/hooks?a=1", [])
    assert target == addresses.Target(True, "xn--exmple-cua.com", 8443, "/hooks?a=1")
    assert addresses.parse("https://example.com", []).path == "/"
    assert addresses.parse("https://example.com/grün?a=%C3%BC", []).path == "/gr%C3%BCn?a=%C3%BC"
    assert addresses.parse("http://127.0.0.1:80/", LOOPBACK).port == 80


@pytest.fixture
def resolving(monkeypatch):
    """Have the resolver answer these, one list a look-up; how often it was asked is `asked`."""
    asked = []

    def install(*answers):
        left = list(answers)

        def resolve(host, port):
            asked.append(host)
            return left.pop(0)

        monkeypatch.setattr(addresses, "resolve", resolve)
        return asked

    return install


@pytest.mark.parametrize("found", [["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["169.254.169.254"], ["::ffff:127.0.0.1"]])
def test_a_name_that_leads_inside_is_refused_before_anything_connects(settings, resolving, found):
    settings.FLOWAPP_WEBHOOK_ALLOW = []
    resolving(found)
    answer = posting.post("https://rebinding.example/", {}, b"{}")
    assert (answer.status, answer.refused) == (None, True)
    assert answer.error.startswith("refused: ")


def test_a_name_is_looked_up_once_and_the_connection_goes_there(settings, receiver, resolving):
    asked = resolving(["127.0.0.1"], ["10.0.0.1"])
    url = receiver.url.replace("127.0.0.1", "hooks.example")
    assert posting.post(url, {"X-One": "1"}, b"{}").status == 204
    assert asked == ["hooks.example"]
    (headers, body) = receiver.requests[0]
    assert (headers["Host"], headers["X-One"], body) == (url.split("/")[2], "1", b"{}")


def test_a_response_is_read_only_so_far(receiver):
    receiver.answers = [(200, {}, b"x\x00" * 5_000_000)]
    answer = posting.post(receiver.url, {}, b"{}")
    assert (answer.status, len(answer.excerpt)) == (200, posting.EXCERPT)
    assert "\x00" not in answer.excerpt


def test_nobody_there_is_no_answer(settings):
    settings.FLOWAPP_WEBHOOK_ALLOW = LOOPBACK
    answer = posting.post("http://127.0.0.1:9/", {}, b"{}")
    assert (answer.status, answer.accepted, answer.refused) == (None, False, False)
    assert "refused" in answer.error.lower()


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"], ids=["its head", "its body"])
def test_one_that_trickles_is_cut_off(settings, monkeypatch, head):
    settings.FLOWAPP_WEBHOOK_ALLOW = LOOPBACK
    monkeypatch.setattr(posting, "SECONDS", 0.4)
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def trickle():
            connection, _ = server.accept()
            with connection:
                try:
                    connection.sendall(head)
                    while not over.wait(0.05):
                        connection.sendall(b"H")
                except OSError:
                    return

        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        began = time.monotonic()
        threading.Timer(6, over.set).start()
        answer = posting.post(f"http://127.0.0.1:{server.getsockname()[1]}/", {}, b"{}")
        over.set()
        thread.join()
    assert answer.status == (200 if head else None)  # a status that came counts, whatever is said after it
    assert time.monotonic() - began < 5


def test_tls_speaks_to_the_name_and_believes_only_its_certificate(settings, resolving, monkeypatch, tmp_path):
    settings.FLOWAPP_WEBHOOK_ALLOW = LOOPBACK
    port, names, ca = _tls_server(tmp_path, monkeypatch, "hooks.example")
    resolving(*[["127.0.0.1"]] * 3)
    trusting = ssl.create_default_context(cafile=str(ca))
    with monkeypatch.context() as patched:
        patched.setattr(posting, "trusting", lambda: trusting)
        assert posting.post(f"https://hooks.example:{port}/", {}, b"{}").status == 204
        assert "CERTIFICATE_VERIFY_FAILED" in posting.post(f"https://other.example:{port}/", {}, b"{}").error
    assert "CERTIFICATE_VERIFY_FAILED" in posting.post(f"https://hooks.example:{port}/", {}, b"{}").error
    assert names == ["hooks.example", "other.example", "hooks.example"]


def _tls_server(tmp_path, monkeypatch, name):
    """A server that answers 204 over TLS: its port, the names it was asked for, and what to believe it by."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    names = []
    context.sni_callback = lambda _socket, asked, _context: names.append(asked)
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        for _ in range(3):
            raw, _ = server.accept()
            try:
                with context.wrap_socket(raw, server_side=True) as connection:
                    said = b""
                    while not said.endswith(b"{}"):
                        said += connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            except OSError:
                raw.close()
        server.close()

    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1], names, path
