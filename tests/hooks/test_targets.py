"""Which addresses may be called, and what people hear about those that may not."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ssrfguard import DEFAULT_DENIED

from hooks.errors import ForbiddenTarget
from hooks.targets import SETTING, AllowList, parse_allow_list, vet

NOBODY = AllowList()
PUBLIC = "93.184.215.14"
PUBLIC_IPV6 = "2606:4700::1111"

# What the oracle lets pass and we do not: anycast services and identifiers that show no pictures, prefixes that carry
# addresses inside them and that nobody routes any more, and what was never given out.
STRICTER = tuple(ip_network(each) for each in ("168.63.129.16/32", "192.0.0.0/24", "2001::/23"))
GIVEN_OUT = IPv6Network("2000::/3")


def is_called(address: str, allowed: AllowList = NOBODY) -> bool:
    try:
        return bool(vet("pictures.example", [address], allowed))
    except ForbiddenTarget:
        return False


def refusal(host: str, *answers: str, allowed: AllowList = NOBODY) -> str:
    with pytest.raises(ForbiddenTarget) as refused:
        vet(host, answers or (host,), allowed)
    return str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.88.99.1"),
        *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1"),
        *("::", "::1", "fe80::1", "fd00:ec2::254", "fec0::1", "ff02::1", "3fff::1", "5f00::1", "100::1", "4000::1"),
        *("::7f00:1", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1"),
        *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:5db8:d70e::1", "::ffff:0:127.0.0.1"),
    ],
)
def test_what_only_this_machine_reaches_is_refused(address: str) -> None:
    assert not is_called(address)


@pytest.mark.parametrize(
    "address",
    [
        *(PUBLIC, "1.1.1.1", "172.32.0.1", "100.128.0.1", "223.255.255.255", "11.0.0.1"),
        *(PUBLIC_IPV6, f"::ffff:{PUBLIC}", "64:ff9b::5db8:d70e", "2002:5db8:d70e::1", "2400:3200::1"),
    ],
)
def test_a_public_address_is_called(address: str) -> None:
    assert vet("pictures.example", [address], NOBODY) == (ip_address(address),)


ADDRESSES = st.one_of(
    st.ip_addresses(v=4),
    st.ip_addresses(v=6),
    *(st.ip_addresses(network=block.network) for block in DEFAULT_DENIED.blocks),
)


@given(ADDRESSES)
@example(IPv4Address("168.63.129.16"))
def test_nothing_is_called_that_the_oracle_refuses(address: IPv4Address | IPv6Address) -> None:
    refused = not is_called(str(address))
    if DEFAULT_DENIED.classify(address).blocked:
        assert refused
    elif refused:
        outside = address.version == 6 and address not in GIVEN_OUT
        inner = address.sixtofour if isinstance(address, IPv6Address) else None
        reached = inner or (IPv4Address(int(address) & 0xFFFFFFFF) if outside else address)
        assert outside or any(reached in network for network in STRICTER)


@given(st.lists(st.sampled_from([PUBLIC, PUBLIC_IPV6, "1.1.1.1"]), max_size=4), st.integers(0, 4))
def test_one_private_answer_among_public_ones_is_enough_to_refuse(answers: list[str], at: int) -> None:
    assert vet("pictures.example", answers, NOBODY) == tuple(map(ip_address, answers))
    answers.insert(at, "10.0.0.5")
    assert "10.0.0.5" in refusal("pictures.example", *answers)


@pytest.mark.parametrize("answer", ["", "localhost", "2606:4700::1111%eth0", "010.0.0.1", "1.1.1.1:80", "\ud800"])
def test_an_answer_that_cannot_be_judged_is_refused(answer: str) -> None:
    assert "is not called" in refusal("pictures.example", answer)
    assert "is not called" in refusal("pictures.example", PUBLIC, answer)


def test_a_refusal_says_what_the_address_is_and_which_line_allows_it() -> None:
    assert refusal("127.0.0.1") == (
        "127.0.0.1 is this machine, and is not called; to allow it: RINGBACK_ALLOW_TARGETS=127.0.0.1"
    )
    assert refusal("n8n", "172.18.0.4") == (
        "n8n has the address 172.18.0.4, a private address, and is not called; to allow it: RINGBACK_ALLOW_TARGETS=n8n"
    )
    others = parse_allow_list("10.0.0.0/8")
    assert refusal("n8n", "172.18.0.4", allowed=others).endswith(
        "RINGBACK_ALLOW_TARGETS=n8n (with a comma, behind what stands there)"
    )
    assert refusal("2130706433", "127.0.0.1").endswith("RINGBACK_ALLOW_TARGETS=127.0.0.1")
    assert refusal("::ffff:10.0.0.5").endswith("RINGBACK_ALLOW_TARGETS=10.0.0.5")


@given(st.sampled_from(["n8n", "pictures.example", "N8N.", "a_b.internal", "2130706433", "0x7f.1", "::1"]), ADDRESSES)
def test_the_line_that_a_refusal_names_allows_the_call(host: str, address: IPv4Address | IPv6Address) -> None:
    try:
        vet(host, [str(address)], NOBODY)
    except ForbiddenTarget as refused:
        line = str(refused).partition(f"{SETTING}=")[2]
        assert vet(host, [str(address)], parse_allow_list(line)) == (address,)


def test_a_range_allows_its_addresses_and_no_others() -> None:
    allowed = parse_allow_list("10.0.0.0/8, 192.168.1.7 ,fd00::/8")
    assert is_called("10.255.0.1", allowed)
    assert is_called("192.168.1.7", allowed)
    assert is_called("fd00::5", allowed)
    assert is_called("::ffff:10.0.0.5", allowed)
    assert not is_called("192.168.1.8", allowed)
    assert not is_called("127.0.0.1", allowed)


def test_a_range_of_ipv6_opens_no_ipv4_address_inside_it() -> None:
    assert not is_called("::ffff:169.254.169.254", parse_allow_list("::/0"))


def test_a_name_is_allowed_wherever_it_points_to_and_no_other_name_is() -> None:
    allowed = parse_allow_list("N8N, hooks.corp.internal.")
    assert vet("n8n", ["172.18.0.4", "fd00::4"], allowed) == (ip_address("172.18.0.4"), ip_address("fd00::4"))
    assert vet("HOOKS.corp.internal.", ["10.0.0.1"], allowed)
    assert refusal("evil-n8n", "172.18.0.4", allowed=allowed)
    assert refusal("n8n.evil.example", "172.18.0.4", allowed=allowed)
    assert refusal("corp.internal", "172.18.0.4", allowed=allowed)


@pytest.mark.parametrize("text", ["", " ", ",", " , ,"])
def test_an_empty_list_allows_nothing(text: str) -> None:
    assert parse_allow_list(text) == NOBODY


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("127.0.0.1:9000", "has a port, and a host is allowed with all its ports: write 127.0.0.1"),
        ("n8n:5678", "has a port, and a host is allowed with all its ports: write n8n"),
        ("[::1]:80", "write ::1"),
        ("http://n8n:5678/hook", "is a URL; write its host alone"),
        ("10.0.0.1/8", "begins in the middle of a range: write 10.0.0.0/8 for the range, or one address"),
        ("10.0.0.0/33", "is no address, no range such as 10.0.0.0/8 and no host name"),
        ("10.0.0.300", "is no address"),
        ("10.0", "is no address"),
        ("*.internal", "is no address"),
        ("例子.测试", "is no address"),
        ("-n8n", "is no address"),
        ("n8n..internal", "is no address"),
        ("a b", "is no address"),
        ("a" * 64, "is no address"),
        ("a." * 126 + "ab", "is no address"),
    ],
)
def test_an_entry_that_is_wrong_is_named_with_what_is_wrong(entry: str, says: str) -> None:
    with pytest.raises(ValueError) as wrong:
        parse_allow_list(f"10.0.0.0/8,{entry}")
    assert repr(entry) in str(wrong.value)
    assert says in str(wrong.value)


@given(st.text(st.sampled_from("10.:/[]-_ana,*% é"), max_size=40))
def test_any_list_is_read_or_refused_with_a_reason(text: str) -> None:
    try:
        allowed = parse_allow_list(text)
    except ValueError as wrong:
        assert str(wrong)
    else:
        assert len(allowed.ranges) + len(allowed.names) <= text.count(",") + 1
