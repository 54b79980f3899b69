import pytest

from shared.contracts.subjects import SubjectId, site_of, well_formed_site, well_formed_subject


@pytest.mark.parametrize("text", ["IT001-0001", "701-1015", "AB-000", "ABCDEFGH-999999"])
def test_a_subject_is_a_site_and_a_number(text: str) -> None:
    assert well_formed_subject(text)
    assert site_of(SubjectId(text)) == text.split("-", maxsplit=1)[0]


@pytest.mark.parametrize(
    "text",
    ["", "IT001", "IT001-", "IT001-12", "IT001-1234567", "it001-0001", "A-0001", "ABCDEFGHI-0001"]
    + [
        "IT001-0001\n",
        " IT001-0001",
        "IT001-٠٠٠١",
        "IT001-0001-1",
        "IT_01-0001",
        None,
        7,
        True,
        [],
    ],
)
def test_anything_else_is_not(text: object) -> None:
    assert not well_formed_subject(text)


def test_sites() -> None:
    assert well_formed_site("IT001") and well_formed_site("701")
    assert not any(well_formed_site(text) for text in ("", "A", "it001", "ABCDEFGHI", "701\n", 701))
