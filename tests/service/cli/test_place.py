"""Where forwarding has got to."""

import pytest

from service.cli.failures import Failed
from service.cli.place import Place


@pytest.fixture
def make(tmp_path):
    def make_one(service="http://s", forward="http://f", which=()):
        return Place(service, forward, which, {"XDG_STATE_HOME": str(tmp_path)})

    return make_one


def test_a_place_is_kept_for_the_next_run(make):
    assert make().read() is None
    make().keep(17)
    make().keep(18)
    assert make().read() == 18


def test_each_service_and_each_url_has_a_place_of_its_own(make):
    make().keep(1)
    make(forward="http://f2").keep(2)
    make(service="http://s2").keep(3)
    make(which=("standard", "task.*")).keep(4)
    places = (make(), make(forward="http://f2"), make(service="http://s2"), make(which=("standard", "task.*")))
    assert [each.read() for each in places] == [1, 2, 3, 4]


def test_one_place_is_held_by_one_run_at_a_time(make):
    with make().hold():
        with pytest.raises(Failed, match="stop it first"), make().hold():
            pass
        with make(which=("gateway",)).hold():
            pass
    with make().hold():
        pass


def test_the_file_is_its_owners_and_names_nobody(make):
    place = make(forward="http://localhost/hook?token=verysecret")
    place.keep(5)
    assert place.path.stat().st_mode & 0o777 == 0o600
    assert "secret" not in place.path.read_text() + place.path.name
    assert [each.name for each in place.path.parent.iterdir()] == [place.path.name]


@pytest.mark.parametrize("text", ["", "{", '{"after": "x"}', "\0"])
def test_a_damaged_file_is_no_place(make, text):
    make().keep(1)
    make().path.write_text(text)
    assert make().read() is None


@pytest.mark.parametrize("environ", [{}, {"XDG_STATE_HOME": ""}, {"XDG_STATE_HOME": "relative/path"}])
def test_without_a_folder_for_states_it_lies_at_home(tmp_path, monkeypatch, environ):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Place("s", "f", (), environ).path.parent == tmp_path / ".local" / "state" / "ringback"


def test_a_folder_that_cannot_be_written_is_told(make, tmp_path):
    (tmp_path / "ringback").write_text("a file")
    with pytest.raises(Failed, match=r"cannot be written: "):
        make().keep(1)
    with pytest.raises(Failed, match=r"cannot be read: "):
        make().read()
