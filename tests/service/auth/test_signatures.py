"""Which signatures are valid, with real keys of each family."""

import pytest

from service.settings import SECRET_ALGORITHMS
from tests.support.authentication import authenticate, refused, with_key, with_secret
from tests.support.tokens import CLAIMS, FAMILIES, encode, forge, public_pem, sign


@pytest.mark.parametrize("algorithm", FAMILIES)
def test_each_algorithm_verifies_its_tokens(algorithm: str) -> None:
    """With a real key."""
    keys = with_key(FAMILIES[algorithm])

    assert authenticate(f"Bearer {sign(algorithm)}", keys).subject == "ann"


@pytest.mark.parametrize("algorithm", SECRET_ALGORITHMS)
def test_a_secret_verifies_the_accepted_algorithms(algorithm: str) -> None:
    """HS256 alone unless more are configured."""
    token = f"Bearer {sign(algorithm)}"

    assert authenticate(token, with_secret(SECRET_ALGORITHMS)).subject == "ann"
    if algorithm != "HS256":
        assert "algorithm" in refused(sign(algorithm))


@pytest.mark.parametrize("algorithm", FAMILIES)
def test_another_key_of_the_same_family_does_not_verify(algorithm: str) -> None:
    """A signature belongs to one key."""
    other = {"RSA": "RSA'", "P-256": "P-256'", "Ed25519": "Ed25519'"}.get(FAMILIES[algorithm])
    if other is not None:
        assert "signature" in refused(sign(algorithm), with_key(other))


@pytest.mark.parametrize("kind", ["RSA", "P-256", "P-384", "P-521", "Ed25519"])
@pytest.mark.parametrize("algorithm", [*FAMILIES, *SECRET_ALGORITHMS])
def test_no_token_chooses_an_algorithm_of_another_family(kind: str, algorithm: str) -> None:
    """RFC 8725, 3.1: above all, a public key never serves as an HMAC secret."""
    if algorithm in SECRET_ALGORITHMS:
        token = forge({"alg": algorithm}, CLAIMS, public_pem(kind), algorithm)
    elif FAMILIES[algorithm] == kind:
        return
    else:
        token = sign(algorithm)

    assert "algorithm" in refused(token, with_key(kind))


def test_an_algorithm_that_is_not_accepted_is_refused() -> None:
    """Although the RSA key could verify PS256."""
    assert "algorithm" in refused(sign("PS256"), with_key("RSA", ("RS256",)))


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "", "hs256", "HS256 ", "HS1", "ES256K", "A128KW", None, 5, []]
)
def test_unknown_algorithms_are_refused(algorithm: object) -> None:
    """And unsigned tokens, in every spelling of `none`."""
    token = forge({"alg": algorithm}, CLAIMS)

    refused(token)
    refused(token.rpartition(".")[0] + ".")
    refused(token.rpartition(".")[0])


@pytest.mark.parametrize("algorithm", ["HS256", *FAMILIES])
def test_invalid_signatures_are_refused(algorithm: str) -> None:
    """Empty, zero, cut short, too long, another token's, wrongly encoded, or of a changed message."""
    keys = with_secret() if algorithm == "HS256" else with_key(FAMILIES[algorithm])
    head, claims, signature = sign(algorithm).split(".")
    other = sign(algorithm, sub="bob")

    for wrong in ["", "A", "AAAA", "A" * 86, signature[:-4], signature + "AAAA", other.rpartition(".")[2]]:
        refused(f"{head}.{claims}.{wrong}", keys)
    refused(f"{head}.{other.split('.')[1]}.{signature}", keys)
    refused(f"{encode(b'{}').decode()}.{claims}.{signature}", keys)
