"""What a correction changes, and that nothing is taken back by emptying an input."""

from services.portal.changes import changes
from services.portal.reading import read
from services.portal.writing import written
from tests.acceptance import forms
from tests.unit.portal.made import NCT, exact, typed

OLD = exact(forms.nct())


def test_a_form_left_as_it_stood_changes_nothing() -> None:
    found = changes(NCT, OLD, read(NCT, written(NCT, OLD)))
    assert found.items == ()
    assert found.errors == []


def test_new_values_are_changes_with_the_old_ones_beside_them() -> None:
    new = {**OLD, "age": 62, "sex": None, "last_major_surgery_date": "2020-01-01"}
    found = changes(NCT, OLD, read(NCT, written(NCT, new)))
    assert [(one.asked.name, one.old, one.new) for one in found.items] == [
        ("age", 61, 62),
        ("sex", "male", None),
        ("last_major_surgery_date", "none", "2020-01-01"),
    ]
    assert found.fields == {"age": 62, "sex": None, "last_major_surgery_date": "2020-01-01"}


def test_an_emptied_input_is_asked_about() -> None:
    found = changes(NCT, {"age": 61}, read(NCT, typed(age="")))
    assert found.items == ()
    assert [loc for loc, _ in found.errors] == [("age",)]


def test_what_was_unknown_and_is_left_empty_stays_so() -> None:
    found = changes(NCT, {"age": None}, read(NCT, typed(age="", sex="?")))
    assert found.items == ()
    assert found.errors == []
