"""What certificates say goes into one URI and comes out again, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.ca.claims import CertificateError, Claims, Kind, checked, from_uri, to_uri

CLUSTER = "c1c1c1c1-0000-4000-8000-000000000001"
_NAMES = {
    Kind.CLUSTER: st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}", fullmatch=True),
    Kind.CONTROL: st.one_of(
        st.ip_addresses().map(str), st.sampled_from(["control", "control.example.org"])
    ),
    Kind.NODE: st.uuids().map(str),
    Kind.USER: st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", fullmatch=True),
    Kind.READER: st.just("bob"),
    Kind.SECRETS_READER: st.just("carol"),
}


@given(st.sampled_from(list(Kind)).flatmap(lambda kind: st.tuples(st.just(kind), _NAMES[kind])))
def test_there_and_back(claimed: tuple[Kind, str]) -> None:
    """Whatever a certificate may claim is read as it was written."""
    claims = checked(*claimed, CLUSTER)
    uri = to_uri(claims)
    assert uri.isascii()
    assert " " not in uri
    assert from_uri(uri) == claims


@given(st.text(max_size=100))
def test_whatever_else(text: str) -> None:
    """It is refused with words, or it is what would be written."""
    for uri in (text, f"flocker://{CLUSTER}/user/{text}", f"flocker://{CLUSTER}/{text}/alice"):
        try:
            claims = from_uri(uri)
        except CertificateError:
            continue
        assert to_uri(claims) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "",
        f"https://{CLUSTER}/user/alice",
        f"flocker://{CLUSTER}/root/alice",
        f"flocker://{CLUSTER}/user/alice/more",
        f"flocker://{CLUSTER}/user/",
        f"flocker://{CLUSTER.upper()}/user/alice",
        "flocker://cluster/user/alice",
        f"flocker://{CLUSTER}/node/alice",
        f"flocker://{CLUSTER}/user/alice\n",
    ],
)
def test_what_is_refused(uri: str) -> None:
    """Claims that nobody can have."""
    with pytest.raises(CertificateError):
        from_uri(uri)


def test_in_words() -> None:
    """As the log has it."""
    assert (
        str(Claims(Kind.CONTROL, "control.example", CLUSTER)) == "control service control.example"
    )
    assert str(Claims(Kind.READER, "bob", CLUSTER)) == "read-only user bob"
    assert str(Claims(Kind.SECRETS_READER, "bob", CLUSTER)) == "read-only user with secrets bob"
