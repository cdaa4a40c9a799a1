"""The passwords of a composed system: made once, readable by whom they are for."""

from pathlib import Path

from bridge.demo.keys import USERS, main


def test_each_user_gets_a_password_of_its_own_in_both_forms(tmp_path: Path) -> None:
    main([str(tmp_path)])

    passwords = {name: (tmp_path / name / "password").read_text() for name in USERS}
    assert len(set(passwords.values())) == len(USERS)
    assert {(tmp_path / name / "pgpass").read_text() for name in USERS} == {
        f"*:*:*:{user}:{passwords[name]}\n" for name, user in USERS.items()
    }


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    main([str(tmp_path)])
    before = {file: file.read_text() for file in tmp_path.rglob("*") if file.is_file()}

    main([str(tmp_path)])

    assert {file: file.read_text() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_the_client_library_will_read_its_file(tmp_path: Path) -> None:
    main([str(tmp_path)])

    assert (tmp_path / "poller" / "pgpass").stat().st_mode & 0o077 == 0
